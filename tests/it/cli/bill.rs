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

    model@pool                    requests     per request   per 1M tokens   cost of waste   wasted
    tiny@cards                         130        0.000006        0.081019        0.000000    0.00%
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
