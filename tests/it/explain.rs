//! An explanation is what happens.

use std::{collections::BTreeMap, path::Path};

use connector::{Duration, Outcome, PoolGauge, RequestRecord, Timestamp, TokenGaps};
use harpoon::{
    drive::{Lines, Observer, Sampling, Session, Watch, virtual_time},
    explain::{Told, Wanted, explain},
};
use platform::{Explanation, Platform, PlatformConfig, Request};
use scenarios::Scenario;
use sim::Simulator;

#[test]
fn every_request_goes_where_its_explanation_says() {
    for rule in ["cheapest", "fastest", "random", "round_robin", "least_loaded", "covenant"] {
        let checked = check(&scenario(&format!("platform.router={rule}")), rule);
        assert!(checked > 500, "{rule}: {checked}");
    }
}

#[test]
fn the_request_asked_for_is_told_in_text_and_as_json() {
    let scenario = scenario("platform.router=covenant");
    let wanted = Wanted { at: Timestamp::ZERO + Duration::from_secs(30), ..Wanted::default() };
    let found = explain(&scenario, 1, wanted).expect("it runs").expect("a request arrives");
    assert!(found.at >= wanted.at);
    assert!(found.candidates.iter().filter(|one| one.standing.is_chosen()).count() == 1);
    let told = Told::new(&found, &scenario.names);
    let text = told.to_string();
    assert!(text.contains("rule covenant") && text.contains("chosen"), "{text}");
    assert_eq!(text.lines().count(), 4 + found.candidates.len(), "{text}");
    let json = told.to_json();
    assert_eq!(json["candidates"].as_array().map(Vec::len), Some(found.candidates.len()));
    let again = explain(&scenario, 1, Wanted { request: Some(found.request), ..wanted });
    assert_eq!(again.expect("it runs"), Some(found));
    let never = Wanted { request: Some(connector::RequestId(u64::MAX)), ..Wanted::default() };
    assert_eq!(explain(&scenario, 1, never).expect("it runs"), None);
}

fn scenario(set: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let set = ["duration=2min", "warm_up=0s", set].map(|one| one.parse().expect("an override"));
    scenarios::load(&path, &set).unwrap_or_else(|errors| panic!("{errors}"))
}

/// How many requests were served at once by their first choice, each where it was said to be.
fn check(scenario: &Scenario, rule: &str) -> usize {
    let simulator = Simulator::new(scenario.provider.clone(), 1).expect("a valid provider");
    let config = PlatformConfig { seed: 1, ..scenario.platform.clone() };
    let platform = Platform::new(config).expect("a valid platform");
    let arrivals = scenario.arrivals(1).expect("traffic");
    let sampling = Sampling::new(Duration::from_secs(3_600), Timestamp::ZERO);
    let observer = Checker { rule: rule.to_owned(), ..Checker::default() };
    let mut session = Session::new(arrivals, platform, observer, sampling).expect("traffic");
    let mut lines = Lines::single(simulator);
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO)
        .expect("it runs");
    session.into_parts().2.checked
}

#[derive(Debug, Default)]
struct Checker {
    rule: String,
    told: BTreeMap<u64, Explanation>,
    checked: usize,
}

impl Observer for Checker {
    fn arriving(&mut self, now: Timestamp, platform: &Platform, request: &Request) {
        self.told.insert(request.id.0, platform.explain(now, request));
    }

    fn record(&mut self, record: &RequestRecord) {
        let told = self.told.remove(&record.request.0).expect("it has arrived");
        let at_once = record.queued.is_zero() && record.attempts == 1 && record.fallbacks == 0;
        if record.outcome != Outcome::Completed || !at_once {
            return;
        }
        let chosen = told.candidates.iter().find(|one| one.standing.is_chosen());
        let pool = chosen.map(|one| one.pool);
        assert_eq!((pool, told.class), (record.pool, record.class), "{}: {told:?}", self.rule);
        self.checked += 1;
    }

    fn gauge(&mut self, _: Timestamp, _: &PoolGauge) {}

    fn token_gaps(&mut self, _: Timestamp, _: &TokenGaps) {}

    fn in_flight(&mut self, _: Timestamp, _: usize) {}
}
