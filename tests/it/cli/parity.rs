//! One scenario in virtual time and over HTTP. How far latencies are apart depends on the machine, what is
//! counted and billed does not.

use crate::binary::{Desk, SMALL};

#[test]
fn counts_and_bills_of_a_scenario_are_the_same_simulated_and_over_http() {
    let prices = "platform:\n  price_book:\n    currency: USD\n    rates:\n      - { meter: output_tokens, price: 0.40 }\ntraffic:\n";
    let desk = Desk::with_scenario(SMALL.replace("traffic:\n", prices));
    let ran = desk.harpoon(&["compare", "--parity", "scenario.yaml", "--set", "duration=2s"]);
    assert!(matches!(ran.code, Some(0 | 99)), "{ran:?}");
    let (counted, timed) = ran.stdout.split_once("\nms ").expect("counts, then latencies");
    assert!(!counted.contains("DIFFERS"), "{}", ran.stdout);
    for told in ["completed", "output tokens", "bill of default"] {
        assert!(counted.contains(told), "{}", ran.stdout);
    }
    for told in ["allocation p50", "time to first token p95", "end to end, K-S distance"] {
        assert!(timed.contains(told), "{}", ran.stdout);
    }
    let verdict = if ran.code == Some(0) { "parity holds: " } else { "NO PARITY: " };
    assert!(timed.contains(verdict), "{}", ran.stdout);
}

#[test]
fn parity_is_of_one_scenario_and_of_no_directories() {
    let desk = Desk::with_scenario(SMALL);
    for refused in [
        &["compare"][..],
        &["compare", "out", "--parity", "scenario.yaml"],
        &["compare", "out", "--seed", "1"],
    ] {
        assert_eq!(desk.harpoon(refused).code, Some(2), "{refused:?}");
    }
}
