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
