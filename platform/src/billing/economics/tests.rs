use connector::{ClassId, Money, TenantId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::billing::{Meters, RecordKey, StrikeId, UsageRecord, Uses};

const SECOND: u128 = 1_000_000_000;

fn record((model, pool): (u32, u32), kind: UseKind, meters: Meters) -> UsageRecord {
    UsageRecord {
        key: RecordKey(0),
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(model),
        pool: PoolId(pool),
        strike: StrikeId(0),
        request: None,
        kind,
        meters,
    }
}

fn answered(slot_ns: u128, [input, cached, output]: [u64; 3]) -> Meters {
    Meters {
        requests: 1,
        input_tokens: input,
        cached_tokens: cached,
        output_tokens: output,
        slot_ns,
        ..Meters::default()
    }
}

fn held(slot_ns: u128) -> Meters {
    // Tokens that a failed attempt had made are nobody's.
    Meters { output_tokens: 77, slot_ns, ..Meters::default() }
}

fn economics(prices: &[i128], records: &[UsageRecord]) -> Economics {
    let mut uses = Uses::new(prices.iter().map(|&nanos| Money::from_nanos(nanos)).collect());
    for record in records {
        uses.add(record);
    }
    Economics::new(&uses.priced().expect("in range")).expect("in range")
}

/// `docs/reports.md`, "Unit costs": seconds at 3.60 and at 7.20 an hour, so at 0.001 and at 0.002.
#[test]
fn the_worked_example_of_the_documentation() {
    use UseKind::{Delivered, Disconnected, Ghost, Hedged, Idle, Preempted, Retried};
    let records = [
        record((0, 0), Delivered, answered(4 * SECOND, [700, 100, 200])),
        record((0, 0), Delivered, answered(5 * SECOND, [1_500, 0, 500])),
        record((0, 0), Retried, held(SECOND / 2)),
        record((0, 0), Idle, held(2 * SECOND)),
        record((0, 1), Delivered, answered(SECOND, [0, 800, 200])),
        record((0, 1), Hedged, held(SECOND / 4)),
        record((1, 1), Delivered, answered(3 * SECOND, [3_000, 0, 1_000])),
        record((1, 1), Preempted, held(SECOND / 3)),
        record((1, 1), Disconnected, held(SECOND)),
        record((1, 1), Ghost, held(2 * SECOND)),
    ];
    let economics = economics(&[3_600_000_000, 7_200_000_000], &records);
    let Economics { whole, models, pools, models_in_pools } = &economics;

    let exact = |cost: &UnitCost| (cost.cost.to_string(), cost.waste.to_string());
    let both = |cost: &str, waste: &str| (cost.to_owned(), waste.to_owned());
    assert_eq!(exact(whole), both("0.026666666666", "0.009666666666"));
    assert_eq!(exact(&models[&ModelId(0)]), both("0.014", "0.003"));
    assert_eq!(exact(&models[&ModelId(1)]), both("0.012666666666", "0.006666666666"));
    assert_eq!(exact(&pools[&PoolId(0)]), both("0.0115", "0.0025"));
    assert_eq!(exact(&pools[&PoolId(1)]), both("0.015166666666", "0.007166666666"));
    assert_eq!(exact(&models_in_pools[&(ModelId(0), PoolId(1))]), both("0.0025", "0.0005"));

    let kinds: Vec<_> = whole.wasted().map(|(kind, cost)| (kind, cost.to_string())).collect();
    let expected = [
        (Disconnected, "0.002"),
        (Preempted, "0.000666666666"),
        (Hedged, "0.0005"),
        (Retried, "0.0005"),
        (Ghost, "0.004"),
        (Idle, "0.002"),
    ];
    assert_eq!(kinds, expected.map(|(kind, cost)| (kind, cost.to_owned())));

    assert_eq!((whole.requests, whole.tokens), (4, 8_000));
    is_about(pools[&PoolId(0)].per_request(), 0.005_75);
    is_about(models[&ModelId(0)].per_million_tokens(), 3.5);
    is_about(pools[&PoolId(0)].waste_share(), 5.0 / 23.0);
}

fn is_about(quotient: Option<f64>, expected: f64) {
    let quotient = quotient.expect("something was delivered");
    assert!((quotient / expected - 1.0).abs() < 1e-15, "{quotient} instead of {expected}");
}

#[test]
fn where_nothing_was_delivered_nothing_has_a_unit_cost() {
    let lost = economics(&[3_600_000_000], &[record((0, 0), UseKind::Retried, held(SECOND))]).whole;
    assert_eq!((lost.per_request(), lost.per_million_tokens()), (None, None));
    assert_eq!((lost.cost, lost.waste_share()), (lost.waste, Some(1.0)));
    assert_eq!(economics(&[], &[]).whole, UnitCost::default());
    assert_eq!(UnitCost::default().waste_share(), None);
}

#[test]
fn time_beyond_counting_is_an_error_and_no_small_number() {
    let mut uses = Uses::new(Vec::new());
    for slot_ns in [u128::MAX, 1] {
        uses.add(&record((0, 0), UseKind::Idle, held(slot_ns)));
    }
    assert_eq!(uses.priced(), Err(OutOfRange));
}

fn sum<'a>(parts: impl Iterator<Item = &'a UnitCost>) -> UnitCost {
    let plus = |one: Amount, other: Amount| one.checked_add(other).expect("small");
    parts.fold(UnitCost::default(), |one, other| UnitCost {
        requests: one.requests + other.requests,
        tokens: one.tokens + other.tokens,
        cost: plus(one.cost, other.cost),
        waste: plus(one.waste, other.waste),
        by_kind: std::array::from_fn(|kind| plus(one.by_kind[kind], other.by_kind[kind])),
    })
}

fn records() -> impl Strategy<Value = Vec<UsageRecord>> {
    let kinds = prop::sample::select(&UseKind::ALL[..]);
    let one = (0..4_u32, 0..4_u32, kinds, 0..1_u128 << 50, 0..1_000_000_u64).prop_map(
        |(model, pool, kind, slot_ns, tokens)| {
            let meters = match kind {
                UseKind::Delivered => answered(slot_ns, [tokens, tokens / 3, tokens / 5]),
                _ => held(slot_ns),
            };
            record((model, pool), kind, meters)
        },
    );
    proptest::collection::vec(one, 0..60)
}

proptest! {
    #[test]
    fn models_pools_and_models_in_pools_add_up_to_the_whole(
        records in records(),
        prices in proptest::collection::vec(0_i128..50_000_000_000, 4),
    ) {
        let forward = economics(&prices, &records);
        prop_assert_eq!(sum(forward.models.values()), forward.whole);
        prop_assert_eq!(sum(forward.pools.values()), forward.whole);
        prop_assert_eq!(sum(forward.models_in_pools.values()), forward.whole);
        let delivered = forward.whole.of(UseKind::Delivered);
        prop_assert_eq!(delivered.checked_add(forward.whole.waste), Some(forward.whole.cost));
        let backward: Vec<_> = records.into_iter().rev().collect();
        prop_assert_eq!(economics(&prices, &backward), forward);
    }
}
