//! Same scenario and same seed, same run; and what is not changed stays as it was.

use std::path::Path;

use harpoon::{drive::Watch, experiment};
use scenarios::{Override, Scenario};

use crate::binary::{Desk, SMALL};

/// Two tenants, two pools, retries, faults and every kind of randomness.
pub(crate) const RICH: &str = "\
name: rich
seed: 11
duration: 60s
provider:
  regions:
    - name: eu
      control_plane:
        allocate: { lognormal: { p50: 40ms, p95: 120ms } }
        rate_limit: { per_second: 30, burst: 60 }
  pools:
    - { name: cheap, kind: preemptible, gpu: L4, count: 2, sharing_ratio: 4, placement: random }
    - { name: good, gpu: L40S, count: 1, sharing_ratio: 8, price_per_slot_hour: 0.50 }
models: [gemma-2b, mistral-7b]
platform:
  classes:
    - { name: all, models: [gemma-2b, mistral-7b] }
tenants:
  - { name: acme, priority: 7 }
  - { name: globex, priority: 3 }
traffic:
  - name: chat
    tenant: acme
    arrivals: { gamma: { rate: 10/s, cv: 2 } }
    prompt_tokens: { lognormal: { p50: 200, p95: 900 } }
    output_tokens: { lognormal: { p50: 40, p95: 150 } }
  - name: batch
    tenant: globex
    arrivals: { weibull: { rate: 5/s, cv: 1.5 } }
    prompt_tokens: { uniform: { min: 10, max: 500 } }
    output_tokens: { uniform: { min: 1, max: 80 } }
faults:
  - { at: 10s, lasts: 20s, errors: { rate: 20% } }
  - { at: 30s, lasts: 10s, pool: cheap, outage: {} }
";

const FILES: [&str; 6] =
    ["scenario.yaml", "summary.json", "requests.csv", "usage.csv", "timeline.csv", "timeline.svg"];

#[test]
fn the_same_seed_gives_the_same_digest_and_another_seed_another() {
    let scenario = scenario(&[]);
    let first = digest(&scenario, 11);
    assert_eq!(digest(&scenario, 11), first);
    assert_ne!(digest(&scenario, 12), first);
}

#[test]
fn the_same_seed_gives_the_same_files_to_the_byte() {
    let desk = Desk::with_scenario(RICH);
    let run = |out| desk.harpoon(&["run", "scenario.yaml", "--quiet", "--out", out]);
    let (first, second) = (run("a"), run("b"));
    assert_eq!(first.stdout, second.stdout);
    for file in FILES {
        assert_eq!(desk.read(&format!("a/{file}")), desk.read(&format!("b/{file}")), "{file}");
    }
    let digest = digest(&scenario(&[]), 11);
    assert!(first.stdout.contains(&digest), "the library and the binary agree on {digest}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let desk = Desk::with_scenario(RICH);
    let run = |threads, out| {
        desk.harpoon(&[
            "run",
            "scenario.yaml",
            "--quiet",
            "--json",
            "--replications",
            "4",
            "--threads",
            threads,
            "--out",
            out,
        ])
    };
    let (one, two) = (run("1", "a"), run("2", "b"));
    assert_eq!(one.stdout, two.stdout);
    assert_eq!(desk.read("a/replications.json"), desk.read("b/replications.json"));
    for file in (0..4).flat_map(|index| FILES.map(|file| format!("replication-{index}/{file}"))) {
        assert_eq!(desk.read(&format!("a/{file}")), desk.read(&format!("b/{file}")), "{file}");
    }
}

#[test]
fn a_replication_is_the_run_with_its_seed() {
    let desk = Desk::with_scenario(RICH);
    desk.harpoon(&["run", "scenario.yaml", "--quiet", "--replications", "2", "--out", "many"]);
    desk.harpoon(&["run", "scenario.yaml", "--quiet", "--seed", "12", "--out", "one"]);
    for file in FILES {
        let of_many = desk.read(&format!("many/replication-1/{file}"));
        assert_eq!(of_many, desk.read(&format!("one/{file}")), "{file}");
    }
}

#[test]
fn variants_of_a_scenario_see_the_same_arrivals() {
    let original = arrivals(&scenario(&[]), None);
    assert!(original.len() > 500, "{} requests", original.len());
    for change in [
        "platform.router=fastest",
        "provider.pools[cheap].count=7",
        "platform.retry.max_retries=0",
        "faults=[]",
        "models=[mistral-7b, gemma-2b]",
    ] {
        let variant = scenario(&[change]);
        assert_ne!(variant.hash, scenario(&[]).hash, "{change}");
        assert_eq!(arrivals(&variant, None), original, "{change}");
    }
}

#[test]
fn another_source_moves_nobody_elses_requests() {
    let alone = arrivals(&scenario(&[]), Some(1));
    let more = "{ name: more, tenant: acme, arrivals: { poisson: { rate: 50/s } }, \
                prompt_tokens: 5, output_tokens: 5 }";
    let text = RICH.replace("traffic:\n", &format!("traffic:\n  - {more}\n"));
    let together = scenarios::parse("rich", &text, Path::new(""), &[]).unwrap();
    assert_eq!(arrivals(&together, Some(1)), alone);
    assert!(arrivals(&together, None).len() > 2 * alone.len());
}

fn scenario(changes: &[&str]) -> Scenario {
    let changes: Vec<Override> = changes.iter().map(|change| change.parse().unwrap()).collect();
    scenarios::parse("rich", RICH, Path::new(""), &changes).unwrap_or_else(|told| panic!("{told}"))
}

fn digest(scenario: &Scenario, seed: u64) -> String {
    let outcome = experiment::simulate(scenario, seed, None, &Watch::default()).unwrap();
    assert!(outcome.summary.requests.failed + outcome.summary.requests.retried > 0, "faults tell");
    outcome.summary.header.digest.unwrap().to_string()
}

/// Time, lengths and (without a tenant) number of every request of a tenant, or of all.
fn arrivals(scenario: &Scenario, tenant: Option<u32>) -> Vec<(u64, u64, u32, u32)> {
    let requests = scenario.arrivals(5).unwrap().map(|request| request.unwrap());
    let wanted = requests.filter(|request| tenant.is_none_or(|tenant| request.tenant.0 == tenant));
    wanted
        .map(|request| {
            let number = if tenant.is_none() { request.id.0 } else { 0 };
            let lengths = (request.prompt_tokens.get(), request.output_tokens.get());
            (request.arrived.as_nanos(), number, lengths.0, lengths.1)
        })
        .collect()
}

/// The small scenario has nothing random but its arrivals, and they depend on the seed.
#[test]
fn the_seed_of_the_command_line_goes_before_that_of_the_scenario() {
    let desk = Desk::with_scenario(SMALL);
    let run = |further: &[&str]| {
        desk.harpoon(&[&["run", "scenario.yaml", "--quiet"], further].concat()).stdout
    };
    assert_eq!(run(&["--seed", "3"]), run(&[]));
    assert_eq!(run(&["--seed", "7"]), run(&["--set", "seed=7"]));
    assert_ne!(run(&["--seed", "7"]), run(&[]));
}
