//! The provider's bill against our books: whatever the provider does, every grain of the difference has
//! a cause, and none of them is "unknown".

use std::path::Path;

use connector::{Amount, Metric, PoolId, Scope};
use harpoon::{drive::Watch, experiment::reconcile::reconcile};
use platform::billing::{
    UseKind,
    reconcile::{Cause, Reconciliation, Side},
};
use proptest::prelude::*;
use reports::Summary;
use scenarios::{Override, Scenario};

/// Two tenants, two regions, shares that stay warm.
const WORLD: &str = "\
name: books
seed: 5
duration: 40s
provider:
  regions:
    - { name: eu, control_plane: { timeout: 5s } }
    - { name: us, control_plane: { timeout: 3s } }
  pools:
    - { name: a, region: eu, gpu: L4, count: 4, sharing_ratio: 4, price_per_slot_hour: 3.60 }
    - { name: b, region: us, gpu: L40S, count: 2, sharing_ratio: 4, price_per_slot_hour: 7.234567891 }
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

struct Compared {
    summary: Summary,
    books: Reconciliation,
    whole: Side,
}

fn shipped(name: &str, settings: &[&str]) -> Compared {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let scenario = scenarios::load(&path, &overrides(settings));
    lay_side_by_side(&scenario.unwrap_or_else(|errors| panic!("{errors}")))
}

fn small(settings: &[&str]) -> Compared {
    let scenario = scenarios::parse("books.yaml", WORLD, Path::new("."), &overrides(settings));
    lay_side_by_side(&scenario.unwrap_or_else(|errors| panic!("{errors}")))
}

fn overrides(settings: &[&str]) -> Vec<Override> {
    settings.iter().map(|one| one.parse().unwrap()).collect()
}

fn lay_side_by_side(scenario: &Scenario) -> Compared {
    let (outcome, books) = reconcile(scenario, scenario.seed, &Watch::default()).unwrap();
    let books = books.unwrap();
    let whole = books.whole().unwrap();
    assert_identity(&books);
    Compared { summary: outcome.summary, books, whole }
}

/// Tenants and idle shares, summed once more from records, and the causes: pool for pool that is what
/// the provider charges, exactly.
fn assert_identity(books: &Reconciliation) {
    for (pool, side) in &books.pools {
        let used = books.uses.iter().filter(|(key, _)| key.pool == *pool);
        let booked = used.filter(|(key, _)| key.kind != UseKind::Ghost).map(|(_, one)| one.cost);
        let causes = side.causes.iter().filter(|(cause, _)| **cause != Cause::Matched);
        let sum = Amount::checked_sum(booked.chain(causes.map(|(_, sum)| sum.amount)));
        assert_eq!(sum, Some(side.charged), "pool {pool}");
        assert_eq!(side.cause(Cause::Unknown).pieces, 0, "pool {pool}: {side:?}");
    }
}

fn slots(side: &Side, causes: &[Cause]) -> u128 {
    causes.iter().map(|&cause| side.cause(cause).slot_ns).sum()
}

/// The provider's own meter knows when it told of a grant and when it was asked for a release: it is
/// another witness of the same causes.
#[test]
fn the_ghosts_of_ghost_allocations_are_explained_as_the_provider_would() {
    let Compared { summary, whole, .. } = shipped("ghost-allocations.yaml", &[]);
    let charged = summary.run.charged.unwrap();
    assert!(charged.ghost_slot_ns > 0 && charged.releasing_slot_ns > 0);
    assert_eq!(slots(&whole, &[Cause::Ghost]), charged.ghost_slot_ns);
    assert_eq!(slots(&whole, &[Cause::SlowRelease]), charged.releasing_slot_ns);
    let untold = slots(&whole, &[Cause::GrantUnderWay, Cause::LateGrant]);
    assert_eq!(untold, charged.untold_slot_ns);
    let all = [Cause::Matched, Cause::Ghost, Cause::SlowRelease];
    assert_eq!(slots(&whole, &all) + untold, charged.slot_ns);
}

#[test]
fn bill_shock_is_explained_and_its_objectives_are_met() {
    let Compared { summary, whole, .. } = shipped("bill-shock.yaml", &[]);
    assert!(summary.objectives_met(), "{:?}", summary.objectives);
    for cause in [Cause::Ghost, Cause::SlowRelease, Cause::Foreign, Cause::GrantUnderWay] {
        assert!(whole.cause(cause).amount > Amount::ZERO, "{cause:?}");
    }
    let metered = summary.value(Metric::Cost, None, &Scope::default()).unwrap();
    assert!(whole.charged.as_f64() > 2.0 * metered, "{} of {metered}", whole.charged);
    let cured = ["provider.regions.0.control_plane.quirks={}"];
    let Compared { whole, .. } = shipped("bill-shock.yaml", &cured);
    let causes: Vec<Cause> = whole.causes.keys().copied().collect();
    assert_eq!(causes, [Cause::Matched, Cause::GrantUnderWay, Cause::Rounding]);
}

/// Whatever the dice say: no grain of either is unknown.
#[test]
fn ghosts_and_bill_shocks_of_every_seed_are_explained_in_full() {
    for scenario in ["ghost-allocations.yaml", "bill-shock.yaml"] {
        for seed in 1..=5 {
            // The identity, and that nothing is unknown, are asserted of every pool.
            let Compared { whole, .. } = shipped(scenario, &[&format!("seed={seed}")]);
            assert!(whole.cause(Cause::Ghost).amount > Amount::ZERO, "{scenario}, seed {seed}");
        }
    }
}

#[test]
fn every_pathology_shows_as_its_cause() {
    for (quirk, cause) in [
        ("ghosts: 10%", Cause::Ghost),
        ("empty_200: 10%", Cause::Ghost),
        ("slow_release: 10s", Cause::SlowRelease),
        ("foreign_rows: 2", Cause::Foreign),
        ("zero_usage: true", Cause::Uncharged),
    ] {
        let set = |region| format!("provider.regions[{region}].control_plane.quirks={{ {quirk} }}");
        let with = small(&[&set("eu"), &set("us")]).whole;
        assert!(with.cause(cause).slot_ns > 0, "{quirk}: {with:?}");
        assert_eq!(small(&[]).whole.cause(cause).slot_ns, 0, "{quirk}");
    }
    let zero = "provider.regions[us].control_plane.quirks={ zero_usage: true }";
    let given_away = small(&[zero]).books.pools[&PoolId(1)].clone();
    assert_eq!(given_away.charged, Amount::ZERO);
    assert_eq!(given_away.overhead().ok(), Some(-given_away.tenants));
    assert!(given_away.tenants > Amount::ZERO);
}

#[test]
fn what_is_laid_side_by_side_is_the_run_itself() {
    let scenario = scenarios::parse("books.yaml", WORLD, Path::new("."), &[]).unwrap();
    let run = harpoon::experiment::simulate(&scenario, scenario.seed, None, &Watch::default());
    let Compared { summary, whole, .. } = small(&[]);
    assert_eq!(summary.header.digest, run.unwrap().summary.header.digest);
    let charged = summary.run.charged.unwrap();
    // The summary rounds once per tenant and pool, the statement once per line.
    let lines = whole.cause(Cause::Matched).pieces as f64;
    let apart = (charged.cost.0.as_f64() - whole.charged.as_f64()).abs();
    assert!(apart <= 1e-9 * lines, "{apart} after {lines} lines");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_world_leaves_a_grain_unexplained(
        seed in any::<u32>(),
        (ghosts, empty, lag, slow, rows) in (0..20_u32, 0..20_u32, 0..10_u32, 0..20_u32, 0..3_u32),
        (zero, warm, failing) in (any::<bool>(), any::<bool>(), 0..15_u32),
        fault in prop::sample::select(&[
            "[]",
            "[{ at: 10s, lasts: 5s, gpu_loss: { count: 1 } }]",
            "[{ at: 10s, lasts: 8s, pool: a, partition: { direction: answer } }]",
            "[{ at: 5s, lasts: 8s, partition: { direction: request } }]",
        ][..]),
    ) {
        let quirks = |region| format!(
            "provider.regions[{region}].control_plane.quirks={{ ghosts: {ghosts}%, empty_200: {empty}%, \
             eventual_lists: {lag}s, slow_release: {}s, foreign_rows: {rows}, zero_usage: {zero} }}",
            slow + 1,
        );
        let (eu, us) = (quirks("eu"), quirks("us"));
        let failures =
            format!("provider.regions[us].control_plane.failures={{ unavailable: {failing}%, timed_out: {failing}% }}");
        let leases = if warm { "platform.leases={ idle: 8s }" } else { "platform.leases={}" };
        let (seed, faults) = (format!("seed={seed}"), format!("faults={fault}"));
        small(&[&eu, &us, &failures, leases, &seed, &faults]);
    }
}
