//! The provider's bill beside our own books, as people and programs see it.

use crate::binary::{Desk, SMALL};

#[test]
fn the_difference_is_told_by_cause_and_by_pool() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["bill", "reconcile", "scenario.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let (header, tables) = ran.stdout.split_once("\n\n").unwrap();
    assert!(header.starts_with("# harpoon ") && header.contains(" digest="), "{header}");
    insta::assert_snapshot!(tables, @r"
    cause                pieces    slot hours            amount of overhead
    matched                 130         0.001          0.000758           -
    grant under way         130         0.002          0.001762     100.00%
    rounding                130         0.000          0.000000       0.00%

    pool                       tenants            idle        overhead         charged
    cards                     0.000758        0.000000        0.001762        0.002521
    all                       0.000758        0.000000        0.001762        0.002521
    tenants + idle + overhead = charged, exactly: 0.002520704

                  answered  per request  per 1M tokens    cost   waste  of cost
    all                130      5.83e-6         0.0810  0.0008  0.0000       0%
    model  tiny        130      5.83e-6         0.0810  0.0008  0.0000       0%
    pool   cards       130      5.83e-6         0.0810  0.0008  0.0000       0%

    model  pool   answered  per request  per 1M tokens    cost   waste  of cost
    tiny   cards       130      5.83e-6         0.0810  0.0008  0.0000       0%
    ");
}

#[test]
fn every_piece_of_every_line_goes_into_a_file_that_can_be_added_up() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["bill", "reconcile", "scenario.yaml", "--lines", "lines.csv"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = desk.read("lines.csv");
    assert!(lines.starts_with("allocation,pool,tenant,cause,slot_ns,amount\n"), "{lines}");
    let amounts = lines.lines().skip(1).map(|line| {
        let amount = line.rsplit(',').next().unwrap();
        amount.parse::<connector::Amount>().unwrap()
    });
    let charged = connector::Amount::checked_sum(amounts).unwrap();
    assert!(ran.stdout.contains(&format!("exactly: {charged}\n")), "{charged}: {}", ran.stdout);
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["bill", "reconcile", "scenario.yaml", "--lines", "no/lines.csv"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("cannot write no/lines.csv"), "{}", ran.stderr);
}

#[test]
fn a_statement_in_a_file_is_as_good_as_the_simulated_one() {
    let desk = Desk::with_scenario(SMALL);
    assert_eq!(desk.harpoon(&["run", "scenario.yaml", "--out", "out"]).code, Some(0));
    let reconciled =
        |more: &[&str]| desk.harpoon(&[&["bill", "reconcile", "scenario.yaml"], more].concat());
    let own = reconciled(&[]);
    let given = reconciled(&["--statement", "out/statement.csv"]);
    assert_eq!((given.code, given.stderr.as_str()), (Some(0), ""));
    assert_eq!(given.stdout, own.stdout);
    let other = reconciled(&["--statement", "out/statement.csv", "--seed", "9"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.starts_with("error: two runs: `# harpoon "), "{}", other.stderr);
}

#[test]
fn a_billing_summary_is_explained_by_pool_and_the_rest_is_unknown() {
    let desk = Desk::with_scenario(SMALL);
    let given = |body: &str| {
        desk.put("bill.json", body);
        desk.harpoon(&["bill", "reconcile", "scenario.yaml", "--statement", "bill.json"])
    };
    let ran = given(
        r#"{"total_cost": "0.003", "currency": {"code": "USD"},
        "gpuaas_summary": [{"pool_name": "cards", "total": "0.0025"}]}"#,
    );
    assert_eq!(ran.code, Some(99), "{}", ran.stderr);
    assert!(ran.stdout.contains("= charged, exactly: 0.0025\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("unknown to our books: 0.0005\n"), "{}", ran.stdout);
    for (body, expected) in [
        (
            r#"{"result": "FAILURE", "errors": ["no such team"]}"#,
            "the provider has no billing summary: [\"no such team\"]",
        ),
        ("{}", "the billing summary states no figure"),
        (
            r#"{"gpuaas_summary": [{"pool_name": "cards"}]}"#,
            "does not state the charge of pool `cards`",
        ),
        (
            r#"{"gpuaas_summary": [{"pool_name": "x", "total": 1}]}"#,
            "a pool `x` that the scenario has not",
        ),
    ] {
        let refused = given(body);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{body}");
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    desk.put("bill.json", r#"{"total_cost": 1, "currency": {"code": "EUR"}}"#);
    let arguments =
        ["bill", "reconcile", "scenario.yaml", "--statement", "bill.json", "--set", PRICED];
    insta::assert_snapshot!(desk.harpoon(&arguments).refusal(), @r"
    error: the bill is in EUR, the scenario's prices are in USD
    help: amounts are not converted
    exit code 2
    ");
}

#[test]
fn summaries_of_several_teams_are_one_bill() {
    let desk = Desk::with_scenario(SMALL);
    let pool = r#""gpuaas_summary": [{"pool_name": "cards", "total": "0.0010"}]"#;
    desk.put("a.json", format!(r#"{{"currency": {{"code": "USD"}}, {pool}}}"#));
    desk.put(
        "b.json",
        format!(r#"{{"currency": {{"code": "USD"}}, "total_cost": "0.0015", {pool}}}"#),
    );
    let given = |files: &[&str]| {
        let each = files.iter().flat_map(|file| ["--statement", file]).collect::<Vec<_>>();
        desk.harpoon(&[&["bill", "reconcile", "scenario.yaml"], &each[..]].concat())
    };
    let ran = given(&["a.json", "b.json"]);
    assert_eq!(ran.code, Some(99), "{}", ran.stderr);
    assert!(ran.stdout.contains("= charged, exactly: 0.002\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("unknown to our books: 0.0005\n"), "{}", ran.stdout);
    assert_eq!(desk.harpoon(&["run", "scenario.yaml", "-q", "--out", "out"]).code, Some(0));
    let refused = given(&["a.json", "out/statement.csv"]).refusal();
    let (_, refused) = refused.split_once("\nerror: ").expect("after a word on the currency");
    insta::assert_snapshot!(refused, @r"
    several bills, and one is a statement.csv
    help: give one statement.csv, which has every share, or billing summaries
    exit code 2
    ");
}

const PRICED: &str = "platform.price_book={ period: 10s, grace: 0s, commitments: { default: 0.01 }, rates: [\
    { meter: output_tokens, price: 7.00 }, { meter: requests, price: 0.0001 }] }";

#[test]
fn a_bill_states_invoices_and_the_books_that_they_rest_on() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["bill", "scenario.yaml", "--set", PRICED]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let (header, tables) = ran.stdout.split_once("\n\n").unwrap();
    assert!(header.starts_with("# harpoon ") && header.contains(" digest="), "{header}");
    insta::assert_snapshot!(tables);
}

#[test]
fn one_tenants_period_is_told_without_everybodys_books() {
    let desk = Desk::with_scenario(SMALL);
    let wanted = ["--tenant", "default", "--period", "1", "--out", "invoice.txt"];
    let ran = desk.harpoon(&[&["bill", "scenario.yaml", "--set", PRICED], &wanted[..]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    let text = desk.read("invoice.txt");
    assert!(text.contains("invoice of default, period 1 (10 s to 20 s), in USD\n"), "{text}");
    assert!(!text.contains("period 0") && !text.contains("accounts"), "{text}");
}

#[test]
fn what_cannot_be_billed_is_told_with_a_way_out() {
    let desk = Desk::with_scenario(SMALL);
    insta::assert_snapshot!(desk.harpoon(&["bill", "scenario.yaml"]).refusal(), @r"
    error: scenario `small` has no prices
    help: add the key `platform.price_book`, such as `--set 'platform.price_book={ rates: [{ meter: output_tokens, price: 0.60 }] }'`
    exit code 2
    ");
    let refusal = |wanted: &[&str]| {
        desk.harpoon(&[&["bill", "scenario.yaml", "--set", PRICED], wanted].concat()).refusal()
    };
    insta::assert_snapshot!(refusal(&["--tenant", "acme"]), @r"
    error: unknown tenant `acme`
    help: the tenants are `default`
    exit code 2
    ");
    insta::assert_snapshot!(refusal(&["--period", "9"]), @r"
    error: there is no billing period 9
    help: the last one is 1
    exit code 2
    ");
}

#[test]
fn a_run_that_has_ended_has_the_same_bill_as_its_scenario() {
    let desk = Desk::with_scenario(SMALL);
    let simulated = desk.harpoon(&["bill", "scenario.yaml", "--set", PRICED, "--seed", "9"]);
    assert_eq!(simulated.code, Some(0), "{}", simulated.stderr);
    desk.harpoon(&["run", "scenario.yaml", "--set", PRICED, "--seed", "9", "--out", "out", "-q"]);
    let recorded = desk.harpoon(&["bill", "out"]);
    assert_eq!((recorded.code, recorded.stderr.as_str()), (Some(0), ""));
    assert_eq!(recorded.stdout, simulated.stdout);
    let rerun = desk.harpoon(&["run", "out/scenario.yaml", "--out", "again", "-q"]);
    assert_eq!(rerun.code, Some(0), "{}", rerun.stderr);
    assert_eq!(desk.read("again/usage.csv"), desk.read("out/usage.csv"));
    assert_eq!(desk.read("again/scenario.yaml"), desk.read("out/scenario.yaml"));
}

#[test]
fn prices_may_be_put_on_a_run_that_is_over_and_nothing_else() {
    let desk = Desk::with_scenario(SMALL);
    desk.harpoon(&["run", "scenario.yaml", "--out", "out", "-q"]);
    let told = desk.harpoon(&["bill", "out"]).refusal();
    assert!(told.starts_with("error: scenario `small` has no prices\n"), "{told}");
    let billed = desk.harpoon(&["bill", "out", "--set", PRICED]);
    assert_eq!(billed.code, Some(0), "{}", billed.stderr);
    insta::assert_snapshot!(desk.harpoon(&["bill", "out", "--set", "duration=5s"]).refusal(), @r"
    error: `duration=5s` cannot be replaced: the run is over
    help: replace only keys of `platform.price_book`, or name the scenario file to run it anew
    exit code 2
    ");
}

#[test]
fn files_that_are_no_run_are_refused() {
    let desk = Desk::with_scenario(SMALL);
    desk.harpoon(&["run", "scenario.yaml", "--set", PRICED, "--out", "out", "-q"]);
    let usage = desk.read("out/usage.csv");
    let refused = |text: &str| {
        desk.put("out/usage.csv", text);
        desk.harpoon(&["bill", "out"]).refusal()
    };
    let (header, rows) = usage.split_once('\n').unwrap();
    let digest = header.split("digest=").nth(1).unwrap().trim_end();
    let unfinished = header.replace(digest, "unfinished......");
    insta::assert_snapshot!(refused(&format!("{unfinished}\n{rows}")), @r"
    error: `out/usage.csv` is of a run that is not finished
    help: wait for the run to end, or run it again if it was killed
    exit code 2
    ");
    let delivered = usage.replacen("delivered", "given", 1);
    insta::assert_snapshot!(refused(&delivered), @r"
    error: `out/usage.csv`, line 3: column `kind`: `given` is no kind of use
    help: run again with --out: files of a run are not to be edited
    exit code 2
    ");
    let (of, _) = header.split_once(" hash=").unwrap();
    let other = usage.replace(of, &of.replace("small", "other"));
    assert_ne!(other, usage);
    desk.put("out/usage.csv", &other);
    assert_eq!(desk.harpoon(&["bill", "out"]).code, Some(0), "a name is no identity");
    let at = usage.find("hash=").unwrap() + 5;
    let digit = if usage[at..].starts_with('f') { "0" } else { "f" };
    let mixed = refused(&format!("{}{digit}{}", &usage[..at], &usage[at + 1..]));
    assert!(mixed.contains(&format!("that of the records {digit}")), "{mixed}");
}

/// What a column of a CSV text says in each row.
fn column(text: &str, name: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let index = rows.headers().unwrap().iter().position(|column| column == name).unwrap();
    rows.records().map(|row| row.unwrap()[index].to_owned()).collect()
}

#[test]
fn a_bill_is_written_in_every_format_and_always_adds_up_to_the_same() {
    let desk = Desk::with_scenario(SMALL);
    let starts_at = "starts_at=2026-02-28T23:59:55Z";
    let written = |format: &str| {
        let wanted = ["--set", PRICED, "--set", starts_at, "--format", format];
        let ran = desk.harpoon(&[&["bill", "scenario.yaml"], &wanted[..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{format}");
        ran.stdout
    };
    let sum = |amounts: Vec<String>| {
        let amounts = amounts.iter().map(|text| text.parse().unwrap());
        connector::Amount::checked_sum(amounts).unwrap()
    };
    let csv = written("csv");
    let total = sum(column(&csv, "billed"));
    assert!(total > connector::Amount::ZERO);
    for format in ["focus-1.0", "focus-1.2"] {
        let focus = written(format);
        assert_eq!(sum(column(&focus, "BilledCost")), total, "{format}");
        let begins = column(&focus, "BillingPeriodStart");
        assert!(begins.contains(&"2026-02-28T23:59:55Z".to_owned()), "{begins:?}");
        assert!(begins.contains(&"2026-03-01T00:00:05Z".to_owned()), "{begins:?}");
        assert!(column(&focus, "RegionId").contains(&"default".to_owned()));
    }
    let json: serde_json::Value = serde_json::from_str(&written("json")).unwrap();
    let documents = json["documents"].as_array().unwrap();
    let totals = documents.iter().map(|page| page["total"].as_str().unwrap().to_owned());
    assert_eq!(sum(totals.collect()), total);
    let html = written("html");
    assert_eq!(html.matches("<article>").count(), documents.len());
    assert!(html.contains(" digest="));
}
