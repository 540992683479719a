use connector::{Duration, PoolScaling};

use super::*;
use crate::sample::{self, at_ms, gauge};

fn pools(warm_up_ms: u64) -> Pools {
    Pools::new(2, at_ms(warm_up_ms))
}

#[test]
fn utilisation_is_the_growth_of_the_integrals_over_the_measured_time() {
    let mut pools = pools(1_000);
    pools.gauge(at_ms(1_000), &gauge(at_ms(1_000), 100));
    pools.gauge(at_ms(3_000), &gauge(at_ms(3_000), 2_100));
    // 2 s of 4 cards with 8 slots: 8 card-seconds, 2 of them busy; 16 slot-seconds, 4 of them held.
    let integrals = pools.integrals(None);
    assert_eq!(integrals.gpu_utilization(), Some(0.25));
    assert_eq!(integrals.slot_utilization(), Some(0.25));
}

#[test]
fn without_a_gauge_in_the_warm_up_the_run_starts_at_zero() {
    let mut pools = pools(0);
    pools.gauge(at_ms(2_000), &gauge(at_ms(2_000), 4_000));
    assert_eq!(pools.integrals(Some(PoolId(0))).gpu_utilization(), Some(0.5));
}

#[test]
fn a_pool_that_was_never_looked_at_has_no_utilisation() {
    let pools = pools(0);
    assert!(pools.of(PoolId(1)).is_none());
    assert_eq!(pools.integrals(Some(PoolId(1))).gpu_utilization(), None);
    assert_eq!(pools.integrals(None).slot_utilization(), None);
    assert_eq!(pools.integrals(Some(PoolId(99))).gpu_utilization(), None);
}

#[test]
fn pools_together_weigh_by_their_cards() {
    let mut pools = pools(0);
    // East: 4 cards for 1 s, all busy. West: 12 cards for 1 s, idle.
    pools.gauge(at_ms(1_000), &gauge(at_ms(1_000), 4_000));
    let west =
        PoolGauge { pool: PoolId(1), cards: 12, card_ns: 12_000_000_000, ..gauge(at_ms(1_000), 0) };
    pools.gauge(at_ms(1_000), &west);
    assert_eq!(pools.integrals(None).gpu_utilization(), Some(0.25));
}

#[test]
fn a_pool_that_lost_all_its_cards_keeps_its_sharing_ratio() {
    let mut pools = pools(0);
    pools.gauge(at_ms(1_000), &gauge(at_ms(1_000), 0));
    pools.gauge(at_ms(2_000), &PoolGauge { cards: 0, slots: 0, ..gauge(at_ms(1_000), 0) });
    assert_eq!(pools.integrals(None).slot_utilization(), Some(0.25));
}

#[test]
fn preemptions_and_peaks_leave_the_warm_up_out() {
    let mut pools = pools(1_000);
    pools.gauge(at_ms(500), &PoolGauge { waiting: 99, preemptions: 5, ..gauge(at_ms(500), 0) });
    pools.gauge(at_ms(1_500), &PoolGauge { preemptions: 7, ..gauge(at_ms(1_500), 0) });
    let track = pools.of(PoolId(0)).expect("seen");
    assert_eq!((track.preemptions(), track.peak_waiting, track.peak_slots_held), (2, 3, 2));
}

#[test]
fn what_caches_did_leaves_the_warm_up_out_and_adds_up() {
    let mut pools = pools(1_000);
    assert_eq!(pools.cache(None), None, "nobody looked");
    let looked = |asked, found, pool| PoolGauge {
        pool: PoolId(pool),
        prefix_asked: asked,
        prefix_found: found,
        recomputations: found,
        ..gauge(at_ms(0), 0)
    };
    pools.gauge(at_ms(1_000), &looked(100, 10, 0));
    pools.gauge(at_ms(2_000), &looked(150, 15, 0));
    pools.gauge(at_ms(2_000), &looked(50, 50, 1));
    let growth = |asked, found| CacheGrowth { asked, found, recomputations: found };
    assert_eq!(pools.cache(Some(PoolId(0))), Some(growth(50, 5)));
    assert_eq!(pools.cache(None), Some(growth(100, 55)));
}

#[test]
fn what_became_of_shares_set_aside_leaves_the_warm_up_out_and_adds_up() {
    let mut pools = pools(1_000);
    let counts = |n: u64| SetAside {
        waiting: n as u32,
        requeued: 4 * n,
        resumed: 3 * n,
        recomputed_tokens: 100 * n,
    };
    let looked =
        |n, pool| PoolGauge { pool: PoolId(pool), set_aside: counts(n), ..gauge(at_ms(0), 0) };
    pools.gauge(at_ms(1_000), &looked(2, 0));
    pools.gauge(at_ms(2_000), &looked(5, 0));
    pools.gauge(at_ms(2_000), &looked(1, 1));
    assert_eq!(pools.set_aside(Some(PoolId(0))), SetAside { waiting: 5, ..counts(3) });
    assert_eq!(pools.set_aside(None), SetAside { waiting: 6, ..counts(4) });
}

#[test]
fn the_peak_of_kv_blocks_is_a_share_and_absent_for_endless_caches() {
    let mut pools = pools(1_000);
    let looked = |blocks, in_use| PoolGauge {
        kv_blocks: blocks,
        kv_blocks_in_use: in_use,
        ..gauge(at_ms(0), 0)
    };
    let peak = |pools: &Pools| pools.of(PoolId(0)).and_then(|track| track.peak_kv_use);
    pools.gauge(at_ms(500), &looked(100, 100));
    pools.gauge(at_ms(1_500), &looked(0, 0));
    assert_eq!(peak(&pools), None, "full in the warm-up, and endless since");
    for in_use in [40, 60, 50] {
        pools.gauge(at_ms(2_000), &looked(100, in_use));
    }
    assert_eq!(peak(&pools), Some(0.6));
}

#[test]
fn a_pool_that_scales_tells_its_cards_of_the_measured_time_and_their_cost_of_the_run() {
    let mut recorder = sample::recorder(Duration::from_secs(2), None);
    let scaling = |scaled_out, scaled_in| {
        Some(PoolScaling { scaled_out, scaled_in, ..PoolScaling::default() })
    };
    let looks = [
        (1_000, 9, 9, scaling(3, 0)),
        (2_000, 4, 13, scaling(5, 1)),
        (3_000, 6, 17, scaling(6, 1)),
        (4_000, 3, 23, scaling(6, 2)),
    ];
    for (ms, cards, card_seconds, scaling) in looks {
        let at = at_ms(ms);
        let card_ns = card_seconds * 1_000_000_000;
        recorder.gauge(at, &PoolGauge { cards, card_ns, scaling, ..gauge(at, 0) });
    }
    let end = crate::RunEnd { ended: at_ms(4_000), ..crate::RunEnd::default() };
    let (summary, _) = recorder.finish(end);
    let told = summary.pools[0].scaling.expect("it scales");
    assert_eq!((told.cards_least, told.cards_mean, told.cards_most), (3, Some(5.0), 6));
    assert_eq!((told.scaled_out, told.scaled_in), (1, 1));
    let cost = told.provisioned_cost.expect("a price is stated").0;
    assert_eq!(cost.to_string(), "23.00", "a unit for a card and second");
    assert_eq!(summary.run.provisioned_cost, told.provisioned_cost);
    let table = summary.table(crate::Style::PLAIN);
    assert!(table.contains("scaling"), "{table}");
}
