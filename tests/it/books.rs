//! Two books about the same shares: what the platform metered, and what the provider charges. They
//! differ by what the platform could not know, and by nothing else.

use std::path::Path;

use harpoon::{drive::Watch, experiment};
use reports::{ChargeReport, Summary};
use scenarios::Override;

const WORLD: &str = "\
name: books
seed: 5
duration: 60s
provider:
  regions:
    - { name: eu, control_plane: { timeout: 5s } }
  pools:
    - { name: a, gpu: L4, count: 4, sharing_ratio: 4, price_per_slot_hour: 3.60 }
    - { name: b, gpu: L40S, count: 2, sharing_ratio: 4, price_per_slot_hour: 7.20 }
models: [gemma-2b]
tenants: [{ name: acme }, { name: globex }]
traffic:
  - name: chat
    tenant: acme
    arrivals: { poisson: { rate: 3/s } }
    prompt_tokens: 100
    output_tokens: 50
  - name: batch
    tenant: globex
    arrivals: { poisson: { rate: 1/s } }
    prompt_tokens: 500
    output_tokens: 20
";

#[test]
fn by_default_the_books_differ_by_the_grants_under_way() {
    let summary = run(&[]);
    let charged = charged(&summary);
    assert!(charged.untold_slot_ns > 0);
    assert_eq!((charged.ghost_slot_ns, charged.releasing_slot_ns, charged.slots_held), (0, 0, 0));
    assert_eq!(charged.slot_ns, metered_slot_ns(&summary) + charged.untold_slot_ns);
    assert_eq!(summary.run.charged_otherwise_slot_ns, Some(0));
}

#[test]
fn ghosts_and_slow_releases_are_all_that_the_books_differ_by_beyond() {
    let summary = run(&["ghosts: 5%", "empty_200: 5%", "slow_release: 20s"]);
    let charged = charged(&summary);
    assert!(charged.ghost_slot_ns > 0 && charged.releasing_slot_ns > 0, "{charged:?}");
    let unknown = charged.untold_slot_ns + charged.ghost_slot_ns + charged.releasing_slot_ns;
    assert_eq!(charged.slot_ns, metered_slot_ns(&summary) + unknown);
    let beyond = summary.run.charged_beyond_metered.unwrap().0;
    assert!(beyond > connector::Money::ZERO);
    let told = summary.table(reports::Style::PLAIN);
    assert!(told.contains("more than metered"), "{told}");
}

#[test]
fn warm_leases_are_charged_for_as_they_were_metered_at_work_or_idle() {
    for leases in [
        "idle: 2s",
        "min_warm: { gemma-2b@a: 2 }, shared: true",
        "idle: 1s, min_warm: { gemma-2b@a: 1, gemma-2b@b: 2 }, shared: true, sweep: 10s",
        "forecast: { interval: 5s, ahead: 10s }",
    ] {
        let summary = run_with(&[format!("platform.leases={{ {leases} }}")]);
        let charged = charged(&summary);
        assert!(summary.run.idle_cost.is_some(), "{leases}");
        assert_eq!((charged.ghost_slot_ns, charged.slots_held), (0, 0), "{leases}");
        assert!(charged.slot_ns > metered_slot_ns(&summary) + charged.untold_slot_ns, "{leases}");
        assert_eq!(summary.run.charged_otherwise_slot_ns, Some(0), "{leases}");
    }
}

#[test]
fn warm_leases_whose_release_is_slow_differ_by_that() {
    let quirks = "provider.regions[eu].control_plane.quirks={ slow_release: 20s }";
    let leases = "platform.leases={ idle: 2s, sweep: 10s }";
    let summary = run_with(&[quirks.to_owned(), leases.to_owned()]);
    assert!(charged(&summary).releasing_slot_ns > 0);
    assert!(summary.run.idle_cost.is_some());
    assert_eq!(summary.run.charged_otherwise_slot_ns, Some(0));
}

#[test]
fn the_parts_of_the_providers_book_add_up() {
    let summary = run(&["ghosts: 5%", "slow_release: 20s"]);
    let whole = charged(&summary);
    let sum = |parts: Vec<ChargeReport>| parts.iter().map(|part| part.slot_ns).sum::<u128>();
    assert_eq!(sum(summary.pools.iter().filter_map(|pool| pool.charged).collect()), whole.slot_ns);
    let of_tenants = summary.tenants.iter().filter_map(|tenant| tenant.charged);
    assert_eq!(sum(of_tenants.collect()), whole.slot_ns);
}

#[test]
fn zero_usage_is_charged_for_nothing_whatever_was_metered() {
    let summary = run(&["zero_usage: true"]);
    assert_eq!(charged(&summary).slot_ns, 0);
    assert!(metered_slot_ns(&summary) > 0);
    assert!(summary.table(reports::Style::PLAIN).contains("less than metered"));
}

#[test]
fn the_platform_gets_through_every_quirk() {
    for quirk in [
        "ghosts: 10%",
        "empty_200: 10%",
        "already_subscribed: true",
        "foreign_rows: 3",
        "eventual_lists: 3s",
        "slow_release: 10s",
        "policy_500: true",
        "zero_usage: true",
    ] {
        let summary = run(&[quirk]);
        let requests = &summary.requests;
        assert!(requests.completed * 2 > requests.offered, "{quirk}: {requests:?}");
        assert_eq!(summary.run.unfinished_requests, 0, "{quirk}");
    }
}

fn run(quirks: &[&str]) -> Summary {
    run_with(&[format!("provider.regions[eu].control_plane.quirks={{ {} }}", quirks.join(", "))])
}

fn run_with(settings: &[String]) -> Summary {
    let set: Vec<Override> = settings.iter().map(|setting| setting.parse().unwrap()).collect();
    let scenario = scenarios::parse("books.yaml", WORLD, Path::new("."), &set);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    experiment::simulate(&scenario, scenario.seed, None, &Watch::default()).unwrap().summary
}

fn charged(summary: &Summary) -> ChargeReport {
    summary.run.charged.unwrap()
}

fn metered_slot_ns(summary: &Summary) -> u128 {
    summary.tenants.iter().filter_map(|tenant| tenant.meter).map(|meter| meter.slot_ns).sum()
}
