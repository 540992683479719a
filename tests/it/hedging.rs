//! The shipped scenario `hedging-tail`: what its head promises.

use std::path::Path;

use connector::{Metric, Scope, Statistic};
use harpoon::{drive::Watch, experiment};
use reports::Summary;
use scenarios::Override;

const P999: Statistic = Statistic::Percentile(99_900);

#[test]
fn the_tail_falls_to_a_fifth_for_two_percent_more_tokens() {
    // An hour is never.
    let (never, hedged) = (run(&["platform.hedging.after=1h"]), run(&[]));
    assert_eq!(never.requests.hedged, 0);
    assert_eq!(never.requests.offered, hedged.requests.offered, "the same arrivals");
    assert_eq!(hedged.requests.completed, hedged.requests.offered);
    let (before, after) = (p999(&never), p999(&hedged));
    assert!(before > 1.0, "the tail that there is to cut: {before} s");
    assert!(after * 5.0 <= before, "p99.9 from {before} to {after} s");
    // All requests are of one length, so tokens are wasted at most in the proportion of strikes.
    let requests = &hedged.requests;
    let extra = requests.attempts - requests.offered;
    assert!(extra * 50 <= requests.offered, "{extra} more strikes for {}", requests.offered);
    assert!(requests.hedged > 0 && requests.retried == 0);
}

#[test]
fn without_neighbours_there_is_no_tail_to_cut() {
    let quiet = ["provider.pools.0.neighbours=[]", "platform.hedging.after=1h"];
    assert!(p999(&run(&quiet)) < 0.1);
}

fn p999(summary: &Summary) -> f64 {
    let value = summary.value(Metric::EndToEnd, Some(P999), &Scope::default());
    value.expect("there are completed requests")
}

fn run(changes: &[&str]) -> Summary {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/hedging-tail.yaml"));
    let changes: Vec<Override> = changes.iter().map(|text| text.parse().unwrap()).collect();
    let scenario = scenarios::load(path, &changes);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    experiment::simulate(&scenario, scenario.seed, None, &Watch::default()).unwrap().summary
}
