//! Overlays: wherever a scenario is read, and to the same effect as single replacements.

use crate::binary::{Desk, SMALL};

fn desk() -> Desk {
    let prices = "platform:\n  price_book:\n    rates:\n      - { meter: output_tokens, price: 0.40 }\ntraffic:\n";
    let desk = Desk::with_scenario(SMALL.replace("traffic:\n", prices));
    desk.put("right.yaml", "provider.pools[cards].count: 2\nseed: 5\n");
    desk.put("wrong.yaml", "provider.pools[carts].count: 2\n");
    desk
}

#[test]
fn every_verb_that_reads_a_scenario_takes_an_overlay() {
    let desk = desk();
    for verb in [
        &["run", "scenario.yaml"][..],
        &["sweep", "scenario.yaml", "--vary", "seed=1"],
        &["compare", "--parity", "scenario.yaml"],
        &["mock", "scenario.yaml"],
        &["bill", "scenario.yaml"],
        &["bill", "reconcile", "scenario.yaml"],
        &["check", "scenario.yaml"],
        &["explain", "scenario.yaml"],
    ] {
        let refused = desk.harpoon(&[verb, &["--overlay", "wrong.yaml"]].concat()).refusal();
        assert!(refused.contains("wrong.yaml:1:1") && refused.contains("carts"), "{refused}");
    }
}

#[test]
fn an_overlay_is_as_good_as_its_values_one_by_one_and_they_come_after_it() {
    let desk = desk();
    for verb in [
        &["sweep", "scenario.yaml", "-q", "--json", "--vary", "duration=5s,6s"][..],
        &["bill", "scenario.yaml"],
        &["explain", "scenario.yaml", "--at", "5s", "--json"],
    ] {
        let [overlay, single] = [
            &["--overlay", "right.yaml", "--set", "seed=6"][..],
            &["--set", "provider.pools[cards].count=2", "--set", "seed=6"],
        ]
        .map(|replaced| desk.harpoon(&[verb, replaced].concat()));
        assert_eq!(overlay.code, Some(0), "{}", overlay.stderr);
        assert_eq!(overlay.stdout, single.stdout, "{verb:?}");
        assert_ne!(overlay.stdout, desk.harpoon(verb).stdout, "{verb:?} reads it");
    }
}

#[test]
fn of_a_run_that_is_over_only_prices_are_replaced() {
    let desk = desk();
    assert_eq!(desk.harpoon(&["run", "scenario.yaml", "-q", "--out", "out"]).code, Some(0));
    desk.put("prices.yaml", "platform.price_book.rates.0.price: 0.80\n");
    let dearer = desk.harpoon(&["bill", "out", "--overlay", "prices.yaml"]);
    assert_eq!(dearer.code, Some(0), "{}", dearer.stderr);
    assert_ne!(dearer.stdout, desk.harpoon(&["bill", "out"]).stdout);
    let refused = desk.harpoon(&["bill", "out", "--overlay", "right.yaml"]).refusal();
    assert!(refused.contains("`provider.pools[cards].count` cannot be replaced"), "{refused}");
    let refused = desk.harpoon(&["compare", "out", "--overlay", "right.yaml"]).refusal();
    assert!(refused.contains("exit code 2"), "{refused}");
}
