use connector::Statistic;
use proptest::prelude::*;

use super::*;
use crate::sample;

const EVERYTHING: Scope = Scope { pool: None, model: None, tenant: None, class: None };

fn small() -> Cells {
    Cells::new(&sample::names(), MAX_CELLS)
}

#[test]
fn each_outcome_is_counted_by_its_kind() {
    let mut cells = small();
    cells.record(&sample::completed(0, 500));
    for outcome in [
        Outcome::Failed(ErrorKind::Timeout),
        Outcome::Failed(ErrorKind::Unavailable { reached: true }),
        Outcome::Failed(ErrorKind::Unavailable { reached: false }),
        Outcome::Rejected,
        Outcome::Cancelled,
    ] {
        cells.record(&sample::failed(0, outcome));
    }
    let counts = cells.counts(&EVERYTHING);
    assert_eq!(counts.failed_by_kind(), [("timeout", 1), ("unavailable", 2)]);
    assert_eq!((counts.completed, counts.rejected, counts.cancelled), (1, 1, 1));
    assert_eq!(counts.offered(), 6);
    assert_eq!(counts.error_rate(), Some(5.0 / 6.0));
    assert_eq!((counts.attempts, counts.retried, counts.fell_back), (16, 5, 5));
    assert_eq!((counts.prompt_tokens, counts.completed_prompt_tokens), (600, 100));
    assert_eq!(counts.cost, Money::from_nanos(12_000_000));
}

#[test]
fn latencies_of_failures_count_only_for_allocation_and_queueing() {
    let mut cells = small();
    cells.record(&sample::completed(0, 500));
    cells.record(&sample::failed(0, Outcome::Failed(ErrorKind::Preempted)));
    let counts = |metric| cells.merged(metric, &EVERYTHING).count();
    assert_eq!(counts(Metric::AllocationLatency), 2);
    assert_eq!(counts(Metric::Queueing), 2);
    assert_eq!(counts(Metric::TimeToFirstToken), 1);
    assert_eq!(counts(Metric::TimePerOutputToken), 1);
    assert_eq!(counts(Metric::EndToEnd), 1);
}

#[test]
fn a_scope_holds_exactly_the_requests_that_match_all_of_it() {
    let mut cells = small();
    for (pool, model, tenant, class) in [(0, 0, 0, 0), (0, 1, 0, 0), (1, 1, 1, 0), (1, 1, 0, 1)] {
        cells.record(&RequestRecord {
            pool: Some(PoolId(pool)),
            model: ModelId(model),
            tenant: TenantId(tenant),
            class: ClassId(class),
            ..sample::completed(0, 500)
        });
    }
    cells.record(&RequestRecord { pool: None, ..sample::failed(0, Outcome::Rejected) });
    let offered = |scope: Scope| cells.counts(&scope).offered();
    assert_eq!(offered(EVERYTHING), 5);
    assert_eq!(offered(Scope { pool: Some(PoolId(0)), ..EVERYTHING }), 2);
    assert_eq!(offered(Scope { tenant: Some(TenantId(0)), ..EVERYTHING }), 4);
    let narrow = Scope { pool: Some(PoolId(1)), class: Some(ClassId(1)), ..EVERYTHING };
    assert_eq!(offered(narrow), 1);
    assert_eq!(offered(Scope { model: Some(ModelId(0)), ..narrow }), 0);
}

#[test]
fn tenants_beyond_the_limit_are_folded_and_nothing_of_them_is_lost() {
    let names =
        Names { tenants: (0..5).map(|n| format!("tenant {n}")).collect(), ..sample::names() };
    let mut cells = Cells::new(&names, 2);
    for tenant in [0, 1, 2, 3, 2, 0] {
        let tenant = TenantId(tenant);
        cells.record(&RequestRecord { tenant, ..sample::completed(0, 500) });
    }
    assert_eq!(cells.all.len(), 3, "two of their own and one for the rest");
    assert_eq!(cells.folded_tenants(), 2);
    assert_eq!(cells.folded().completed, 3);
    assert_eq!(cells.counts(&EVERYTHING).completed, 6);
    let known = Scope { tenant: Some(TenantId(0)), ..EVERYTHING };
    assert_eq!(cells.counts(&known).completed, 2, "a known tenant keeps its cells");
    let folded = Scope { tenant: Some(TenantId(2)), ..EVERYTHING };
    assert_eq!(cells.counts(&folded).completed, 0);
    let is_folded = |tenant| cells.is_folded(TenantId(tenant));
    assert_eq!([0, 1, 2, 3, 4].map(is_folded), [false, false, true, true, false]);
}

#[test]
fn a_tenant_that_is_kept_is_never_folded() {
    let names =
        Names { tenants: (0..5).map(|n| format!("tenant {n}")).collect(), ..sample::names() };
    let mut cells = Cells::new(&names, 2);
    cells.keep(TenantId(4));
    for tenant in 0..5 {
        cells.record(&RequestRecord { tenant: TenantId(tenant), ..sample::completed(0, 500) });
    }
    assert!(!cells.is_folded(TenantId(4)));
    let kept = Scope { tenant: Some(TenantId(4)), ..EVERYTHING };
    assert_eq!(cells.counts(&kept).completed, 1);
    assert_eq!(cells.folded_tenants(), 2);
}

#[test]
#[should_panic(expected = "tenant 7 has no name")]
fn an_id_without_a_name_is_a_programmers_mistake() {
    small().record(&RequestRecord { tenant: TenantId(7), ..sample::completed(0, 500) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_sum_of_all_cells_is_what_one_cell_would_have_recorded(
        requests in prop::collection::vec((0u32..2, 0u32..2, 0u32..2, 0u32..2, 1u64..100_000), 1..2_000),
    ) {
        let (mut many, mut one) = (small(), small());
        for (pool, model, tenant, class, ms) in requests {
            let record = sample::completed(0, 200 + ms);
            one.record(&record);
            many.record(&RequestRecord {
                pool: Some(PoolId(pool)),
                model: ModelId(model),
                tenant: TenantId(tenant),
                class: ClassId(class),
                ..record
            });
        }
        prop_assert_eq!(many.counts(&EVERYTHING), one.counts(&EVERYTHING));
        for metric in Metric::ALL.into_iter().filter(|metric| metric.is_distribution()) {
            let (many, one) = (many.merged(metric, &EVERYTHING), one.merged(metric, &EVERYTHING));
            for statistic in ["mean", "min", "p1", "p50", "p95", "p99.9", "max"] {
                let statistic = Statistic::from_name(statistic).expect("valid");
                prop_assert_eq!(many.value_s(statistic), one.value_s(statistic), "{}", metric);
            }
        }
    }
}
