//! What is told of covenants.

use connector::{
    BasisPoints, Breach, BreachReason, ClassId, Concession, Concessions, CovenantOutcome, Duration,
    Metric, Names, RequestRecord, Scope, TenantId,
};

use crate::{
    Recorder, RunEnd, Style, Summary,
    sample::{at_ms, completed, names, recorder},
};

const OTHER_MODEL: Concessions = Concessions::NONE.with(Concession::OtherModel);

/// Of the first tenant: one free, five kept, two renegotiated, two broken; of the second: one free.
fn run() -> Summary {
    let mut recorder = recorder(Duration::ZERO, None);
    let mut n = 0;
    let mut ended = |tenant, covenant| {
        let record = RequestRecord { tenant: TenantId(tenant), covenant, ..completed(n, 500) };
        n += 1;
        recorder.record(&record);
    };
    ended(0, CovenantOutcome::Free);
    (0..5).for_each(|_| ended(0, CovenantOutcome::Kept));
    (0..2).for_each(|_| ended(0, CovenantOutcome::Renegotiated(OTHER_MODEL)));
    ended(0, broken(BreachReason::FirstToken, OTHER_MODEL));
    ended(0, broken(BreachReason::Cost, Concessions::NONE));
    ended(1, CovenantOutcome::Free);
    recorder.finish(RunEnd { ended: at_ms(10_000), ..RunEnd::default() }).0
}

fn broken(reason: BreachReason, concessions: Concessions) -> CovenantOutcome {
    CovenantOutcome::Broken(Breach { reason, excess: BasisPoints::new(1), concessions })
}

#[test]
fn shares_are_of_the_covenants_with_promises() {
    let summary = run();
    let value = |metric, scope| summary.value(metric, None, &scope);
    let all = Scope::default();
    let of = |tenant| Scope { tenant: Some(TenantId(tenant)), ..Scope::default() };
    for scope in [all, of(0), Scope { class: Some(ClassId(0)), ..all }] {
        assert_eq!(value(Metric::CovenantsKept, scope), Some(5.0 / 9.0));
        assert_eq!(value(Metric::CovenantsRenegotiated, scope), Some(2.0 / 9.0));
        assert_eq!(value(Metric::CovenantsBroken, scope), Some(2.0 / 9.0));
    }
    assert_eq!(value(Metric::CovenantsKept, of(1)), None, "nothing was promised");
}

#[test]
fn the_table_of_covenants_tells_who_and_why() {
    let table = run().table(Style::PLAIN);
    let section: Vec<&str> =
        table.lines().skip_while(|line| *line != "covenants").take(3).map(str::trim_end).collect();
    let expected = [
        "covenants",
        "tenant  promised   kept  renegotiated  broken  broken by       given up",
        "acme           9  55.6%             2       2  ttft 1, cost 1  other_model 3",
    ];
    assert_eq!(section, expected);
}

#[test]
fn a_run_without_promises_tells_nothing_of_covenants() {
    let mut recorder = recorder(Duration::ZERO, None);
    recorder.record(&completed(0, 500));
    let summary = recorder.finish(RunEnd { ended: at_ms(10_000), ..RunEnd::default() }).0;
    assert!(!summary.table(Style::PLAIN).contains("covenants"));
    assert!(!summary.to_json().contains("covenants"));
}

#[test]
fn covenants_in_json() {
    let json = run().to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    let expected = serde_json::json!({
        "promised": 9,
        "kept": 5,
        "renegotiated": 2,
        "broken": 2,
        "kept_share": 5.0 / 9.0,
        "broken_by": { "ttft": 1, "cost": 1 },
        "given_up": { "other_model": 3 },
    });
    assert_eq!(value["covenants"], expected);
    assert_eq!(value["tenants"][0]["covenants"], expected);
    assert_eq!(value["tenants"][1]["covenants"], serde_json::Value::Null);
}

#[test]
fn tenants_with_most_broken_covenants_come_first_and_the_rest_is_added_up() {
    let tenants = (0..30).map(|n| format!("tenant {n}")).collect();
    let config = recorder(Duration::ZERO, None).config;
    let mut recorder = Recorder::new(Names { tenants, ..names() }, config);
    for tenant in 0..30 {
        for n in 0..=tenant {
            let reason = if n == 0 { BreachReason::Failed } else { BreachReason::EndToEnd };
            let covenant = broken(reason, Concessions::NONE);
            let tenant = TenantId(tenant);
            recorder.record(&RequestRecord { tenant, covenant, ..completed(0, 500) });
        }
    }
    let summary = recorder.finish(RunEnd { ended: at_ms(10_000), ..RunEnd::default() }).0;
    let table = summary.table(Style::PLAIN);
    let rows: Vec<&str> = table.lines().skip_while(|line| *line != "covenants").skip(2).collect();
    assert!(rows[0].starts_with("tenant 29"), "{table}");
    let words: Vec<&str> = rows[10].split_whitespace().collect();
    let expected =
        ["(20", "others)", "210", "0%", "0", "210", "failed", "20,", "end_to_end", "190"];
    assert_eq!(words, expected);
}
