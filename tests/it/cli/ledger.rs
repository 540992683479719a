//! Runs whose books outlast them.

use std::fs;

use adapters::ledger::SqliteStore;
use connector::{Amount, TenantId};
use platform::billing::{
    AccountId, Currency,
    ledger::{DurableLedger, Ledger},
};

use crate::binary::{Desk, SMALL, until};

const PRICED: &str = "platform.price_book={ period: 10s, grace: 0s, rates: [\
    { meter: output_tokens, price: 7.00 }, { meter: slot_time, price: 3.10 }] }";
const CEILING: &str = "tenants=[{ name: acme, covenant: { cost_ceiling: 0.001 } }]";
const LONG: [&str; 8] =
    ["run", "scenario.yaml", "-q", "--set", PRICED, "--set=duration=4000s", "--set", CEILING];

/// Replays the whole journal, by all rules.
fn opened(desk: &Desk, name: &str) -> Ledger {
    let store = SqliteStore::open(&desk.path(name)).unwrap();
    let ledger = DurableLedger::open(store, None).unwrap().ledger().clone();
    let nets = ledger.balances().into_iter().map(|(_, _, balance)| balance.net());
    assert_eq!(Amount::checked_sum(nets), Some(Amount::ZERO), "the books balance");
    ledger
}

fn size(desk: &Desk) -> u64 {
    let of = |name| fs::metadata(desk.path(name)).map_or(0, |file| file.len());
    of("books") + of("books-wal")
}

#[test]
fn a_run_that_is_killed_leaves_whole_books_and_is_completed_by_running_it_again() {
    let desk = Desk::with_scenario(SMALL);
    let run = [&LONG[..], &["--ledger", "books"]].concat();
    let mut entries = 0;
    for bytes in [60_000, 200_000, 600_000] {
        let running = desk.start(&run);
        until("so much is booked", || size(&desk) > bytes);
        drop(running);
        let then = opened(&desk, "books").head().sequence;
        assert!(then >= entries, "{then} entries after {entries}");
        entries = then;
    }
    assert!(entries > 10, "{entries}");
    assert_eq!(desk.harpoon(&run).code, Some(0));
    let straight = desk.harpoon(&[&LONG[..], &["--ledger", "straight"]].concat());
    assert_eq!(straight.code, Some(0), "{}", straight.stderr);
    let (completed, straight) = (opened(&desk, "books"), opened(&desk, "straight"));
    assert!(straight.head().sequence > entries, "it was killed in the midst");
    assert_eq!(completed.head().sequence, straight.head().sequence);
    assert_eq!(completed.balances(), straight.balances());
}

#[test]
fn what_a_covenant_allows_is_reserved_and_every_reservation_ends() {
    let desk = Desk::with_scenario(SMALL);
    let mut requests = 0;
    let mut booked = |name: &str, tenants: &str| {
        let run = ["run", "scenario.yaml", "-q", "--json", "--set", PRICED];
        // Half of the requests wait for a share for longer than they may, and have no cost.
        let rare = [
            "--set",
            "provider.pools.0.count=1",
            "--set",
            "traffic.0.arrivals.poisson.rate=2000/s",
        ];
        let run = [&run[..], &rare, &["--set", tenants, "--ledger", name]].concat();
        let ran = desk.harpoon(&run);
        let summary: serde_json::Value = serde_json::from_str(&ran.stdout).expect("valid JSON");
        requests = summary["requests"]["offered"].as_u64().expect("a number");
        opened(&desk, name)
    };
    let with = booked("with", CEILING);
    let without = booked("without", "tenants=[{ name: acme }]");
    assert_eq!(with.open_reservations(), 0);
    assert_eq!(with.head().sequence, without.head().sequence + 2 * requests);
    let nets = |ledger: &Ledger| -> Vec<_> {
        let nets = ledger.balances().into_iter().map(|(account, _, one)| (account, one.net()));
        nets.filter(|&(_, net)| net != Amount::ZERO).collect()
    };
    assert_eq!(nets(&with), nets(&without));
    let acme = AccountId::InWork(TenantId(0));
    let passed = with.balance(acme, Currency::USD);
    assert!(passed.debits > Amount::ZERO && passed.pending_debits == Amount::ZERO, "{passed:?}");
}

#[test]
fn the_same_simulation_books_nothing_twice_and_another_adds_to_the_ledger() {
    let desk = Desk::with_scenario(SMALL);
    let told = |further: &[&str]| {
        let run = ["run", "scenario.yaml", "--set", PRICED, "--ledger", "books"];
        let ran = desk.harpoon(&[&run, further].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let line = ran.stderr.lines().find(|line| line.starts_with("`books` has "));
        line.expect("it is told").to_owned()
    };
    let first = told(&[]);
    assert_eq!(told(&[]), first);
    let charged = |ledger: &Ledger| ledger.balances().len();
    let (accounts, entries) = (charged(&opened(&desk, "books")), opened(&desk, "books").head());
    assert_ne!(told(&["--seed", "9"]), first);
    let both = opened(&desk, "books");
    assert_eq!(charged(&both), accounts, "the same names, the same accounts");
    assert!(both.head().sequence > entries.sequence);
}

#[test]
fn what_cannot_be_booked_is_told_with_a_way_out() {
    let desk = Desk::with_scenario(SMALL);
    let refused = |further: &[&str]| {
        desk.harpoon(&[&["run", "scenario.yaml", "-q"], further].concat()).refusal()
    };
    let without_prices = refused(&["--ledger", "books"]);
    assert!(without_prices.contains("`small` has no prices"), "{without_prices}");
    assert!(!desk.path("books").exists(), "nothing was begun");
    insta::assert_snapshot!(refused(&["--ledger", "books", "--replications", "2"]), @r"
    error: a ledger takes one run, but 2 replications are asked for
    help: add --replications 1
    exit code 2
    ");
    #[cfg(not(feature = "postgres"))]
    insta::assert_snapshot!(refused(&["--set", PRICED, "--ledger", "postgresql://localhost/ledger"]), @r"
    error: this build cannot keep a ledger in PostgreSQL
    help: build it with `--features postgres`, or name a file
    exit code 2
    ");
    desk.put("notes", "my own notes, which are no ledger at all\n");
    let foreign = refused(&["--set", PRICED, "--ledger", "notes"]);
    assert!(foreign.ends_with("exit code 1"), "{foreign}");
    assert_eq!(desk.read("notes"), "my own notes, which are no ledger at all\n");
}
