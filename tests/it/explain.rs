//! An explanation is what happens.

use std::{collections::BTreeMap, path::Path};

use connector::{Duration, Outcome, RequestRecord, Timestamp};
use harpoon::{
    drive::{Lines, Observer, Sampling, Session, Watch, virtual_time},
    explain::{Told, Wanted, explain, explain_hypothetical},
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
    assert!(text.contains("rule:     covenant") && text.contains("chosen"), "{text}");
    assert_eq!(text.lines().count(), 7 + found.candidates.len(), "{text}");
    let json = told.to_json();
    assert_eq!(json["candidates"].as_array().map(Vec::len), Some(found.candidates.len()));
    let again = explain(&scenario, 1, Wanted { request: Some(found.request), ..wanted });
    assert_eq!(again.expect("it runs"), Some(found));
    let never = Wanted { request: Some(connector::RequestId(u64::MAX)), ..Wanted::default() };
    assert_eq!(explain(&scenario, 1, never).expect("it runs"), None);
}

#[test]
fn a_request_that_nobody_sends_is_explained_like_one_of_the_traffic() {
    for rule in ["cheapest", "least_loaded", "tiered"] {
        let scenario = scenario(&format!("platform.router={rule}"));
        let sent = sent(&scenario, 300);
        let wanted = Wanted { request: Some(sent.id), ..Wanted::default() };
        let told = explain(&scenario, 1, wanted).expect("it runs").expect("it arrives");
        // Just before the other one: it would take a place of its own.
        let arrived = sent.arrived - Duration::from_nanos(1);
        let alike = explain_hypothetical(&scenario, 1, Request { arrived, ..sent });
        let alike = alike.expect("it runs").expect("it arrives");
        assert_eq!((alike.at, alike.request, alike.tenant), (arrived, told.request, told.tenant));
        assert_eq!((alike.class, alike.score, alike.reason), (told.class, told.score, told.reason));
        assert_eq!(alike.candidates, told.candidates, "{rule}");
    }
}

#[test]
fn the_words_of_a_request_decide_on_its_class_and_are_told_as_the_reason() {
    let scenario = scenario("platform.router=covenant");
    let ask = |text: &str| {
        let request =
            Request { content: connector::Content::Text(text.into()), ..sent(&scenario, 0) };
        let request = Request { prompt_tokens: connector::Tokens::new(10), ..request };
        explain_hypothetical(&scenario, 1, request).expect("it runs").expect("it arrives")
    };
    let hard =
        ask("Prove that the integral of x^2 exp(-x^2) over the reals is sqrt(pi)/2, step by step.");
    let easy = ask("What is the capital of France?");
    assert!(hard.class > easy.class && hard.score > easy.score, "{hard:?} {easy:?}");
    let told = Told::new(&hard, &scenario.names);
    assert!(told.to_string().contains(": text: "), "{told}");
    assert_eq!(told.to_json()["reason"], hard.reason.to_string());
}

#[test]
fn the_covenant_and_what_it_objects_to_are_told() {
    let scenario = scenario(
        "tenants.0.covenant={ ttft: 2s, end_to_end: 20s, enforce: true, min_vram: 40 GiB, \
         fallback: [mistral-7b, shared-l4], shorten_to: 50%, concessions: [shorter_answer, fallback] }",
    );
    let wanted = Wanted { tenant: Some(connector::TenantId(0)), ..Wanted::default() };
    let found = explain(&scenario, 1, wanted).expect("it runs").expect("it arrives");
    let told = Told::new(&found, &scenario.names);
    let text = told.to_string();
    let promised = "promised: first token 2s, end to end 20s, enforced, memory at least 40 GiB\n";
    assert!(text.contains(promised), "{text}");
    assert!(
        text.contains("gives up: shorter_answer, fallback (mistral-7b, shared-l4)\n"),
        "{text}"
    );
    let json = told.to_json();
    let candidates = json["candidates"].as_array().unwrap();
    assert!(candidates.len() > 2);
    for one in candidates {
        let is_large = one["pool"] == "premium-l40s";
        assert_eq!(one["objection"] == "too large", !is_large, "{one}");
        assert_eq!(one["standing"] == "chosen", is_large && one["rank"].is_u64(), "{text}");
    }
}

/// The request of this number.
fn sent(scenario: &Scenario, number: usize) -> Request {
    let mut arrivals = scenario.arrivals(1).expect("traffic");
    arrivals.nth(number).expect("it arrives").expect("it is read")
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
}
