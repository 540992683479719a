//! Every setting of the platform at random. All that can be left out is left out when a failure is
//! made smaller.

use connector::{
    BasisPoints, ClassId, Duration, ModelId, Money, PoolId, PoolKind, Priority, TenantId, TierId,
};
use platform::{
    PlatformConfig,
    config::{
        Abandon, AdmissionConfig, BreakerMode, BudgetConfig, CableConfig, Candidate,
        ClassifierConfig, ClassifyMethod, CodelConfig, CooldownConfig, CovenantRouting, Discipline,
        Drops, EjectionConfig, FallbackConfig, ForecastConfig, ForecastMethod, HedgeAfter,
        HedgeMeasure, HedgingConfig, Jitter, LeaseConfig, LimitConfig, LimitRule, Measure,
        MidStream, MinWarm, PoolWeight, PrefixConfig, QuotaConfig, RequestRate, RetryConfig,
        RouterConfig, ShedRule, ShedWhom, Threshold, TierConfig, Timeouts,
    },
};
use proptest::{option, prelude::*, sample::select};

use crate::{
    breaker_property::breakers,
    classifying::consultations,
    covenant_property::terms,
    setting::{LARGE, SMALL, cable, every_pool, money, ms, pools, secs, tenant},
};

pub(super) const POOLS: u32 = 3;
pub(super) const TENANTS: u32 = 3;

pub(super) fn settings() -> impl Strategy<Value = PlatformConfig> {
    let serving = (cables(), routers(), classifiers(), fallbacks(), option::of(hedges()));
    let trying = (retries(), timeouts(), cooldowns(), option::of(ejections()));
    let asking = (tenants(), tiers(), admissions(), leases());
    (serving, trying, asking, any::<bool>(), any::<u64>()).prop_map(
        |(serving, trying, asking, overcommit, seed)| {
            let (cables, router, classifier, fallback, hedging) = serving;
            let (retry, timeouts, cooldown, ejection) = trying;
            let (tenants, tiers, admission, leases) = asking;
            PlatformConfig {
                models: pools(POOLS).models,
                cables,
                tenants,
                tiers,
                classifier,
                admission,
                router,
                retry,
                timeouts,
                cooldown,
                fallback,
                hedging,
                ejection,
                overcommit,
                leases,
                seed,
            }
        },
    )
}

fn percent(range: std::ops::Range<u32>) -> impl Strategy<Value = BasisPoints> {
    range.prop_map(BasisPoints::from_percent)
}

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(secs)
}

fn cables() -> impl Strategy<Value = Vec<CableConfig>> {
    let kinds = [PoolKind::Standard, PoolKind::Preemptible, PoolKind::Dedicated, PoolKind::Local];
    let lines = prop_oneof![
        Just(Discipline::Fifo),
        Just(Discipline::Lifo),
        (1_u64..2_000).prop_map(|millis| Discipline::AdaptiveLifo { after: ms(millis) }),
        Just(Discipline::Shortest),
        Just(Discipline::Priority),
        Just(Discipline::WeightedFair),
    ];
    let modes = [BreakerMode::Disabled, BreakerMode::MetricsOnly, BreakerMode::ForcedOpen];
    let mode = option::weighted(0.1, select(modes.to_vec()));
    let drops = select(vec![Drops::ByControlLaw, Drops::AllOverdue]);
    let codel = (1_u64..1_000, seconds(1..10), drops)
        .prop_map(|(target, interval, drops)| CodelConfig { target: ms(target), interval, drops });
    let prices = select(vec!["1.00", "0.50", "1.90", "3.60", "0"]);
    let places = option::of(1_u32..6);
    let one = (
        (select(kinds.to_vec()), prices, places, 0_u32..5, lines),
        (breakers(), mode, option::of(limits()), option::of(codel)),
    );
    proptest::collection::vec(one, POOLS as usize).prop_map(|all| {
        let all = all.into_iter().zip(0..);
        let numbered = all.map(|((terms, bounds), pool)| {
            let (kind, price, max_in_flight, queue, discipline) = terms;
            let (mut breaker, mode, limit, codel) = bounds;
            breaker.mode = mode.unwrap_or(BreakerMode::Automatic);
            let plain = cable(pool, kind, price);
            CableConfig { max_in_flight, queue, discipline, codel, breaker, limit, ..plain }
        });
        numbered.collect()
    })
}

fn limits() -> impl Strategy<Value = LimitConfig> {
    let rule = prop_oneof![
        Just(LimitRule::Gradient),
        percent(1..100).prop_map(|backoff| LimitRule::Aimd { backoff }),
    ];
    (rule, 1_u32..4, 0_u32..8, percent(101..400), seconds(1..60)).prop_map(
        |(rule, least, more, tolerance, recalibrate)| LimitConfig {
            rule,
            initial: least + more,
            least,
            tolerance,
            recalibrate,
        },
    )
}

fn routers() -> impl Strategy<Value = RouterConfig> {
    let weights = proptest::collection::vec(1_u32..9, POOLS as usize).prop_map(|weights| {
        let all = weights.into_iter().zip(0..);
        RouterConfig::Weighted(
            all.map(|(weight, pool)| PoolWeight { pool: PoolId(pool), weight }).collect(),
        )
    });
    let lists = (1..=POOLS, 1..=POOLS).prop_map(|(small, large)| {
        RouterConfig::Static(vec![every_pool(SMALL, small), every_pool(LARGE, large)])
    });
    let covenant = (5_000_u32..9_990, percent(0..90)).prop_map(|(quantile, margin)| {
        RouterConfig::Covenant(CovenantRouting { quantile: BasisPoints::new(quantile), margin })
    });
    let prefix = (1_u32..4, percent(100..300)).prop_map(|(blocks, load_factor)| {
        RouterConfig::PrefixAffine(PrefixConfig { blocks, load_factor })
    });
    prop_oneof![
        2 => Just(RouterConfig::Cheapest),
        1 => lists,
        1 => Just(RouterConfig::Fastest),
        1 => Just(RouterConfig::Random),
        1 => Just(RouterConfig::RoundRobin),
        1 => weights,
        1 => Just(RouterConfig::LeastLoaded),
        1 => select(vec![Measure::Load, Measure::Latency]).prop_map(RouterConfig::PowerOfTwo),
        1 => prefix,
        1 => Just(RouterConfig::Tiered),
        1 => covenant,
    ]
}

fn classifiers() -> impl Strategy<Value = ClassifierConfig> {
    let methods = [ClassifyMethod::Lengths, ClassifyMethod::Rules, ClassifyMethod::Trained];
    (select(methods.to_vec()), consultations(), any::<bool>()).prop_map(|(method, model, both)| {
        let mut classes = pools(POOLS).classifier.classes;
        if both {
            classes[1].models = vec![LARGE, SMALL];
        }
        ClassifierConfig { classes, method, model }
    })
}

fn fallbacks() -> impl Strategy<Value = FallbackConfig> {
    (any::<bool>(), percent(0..400))
        .prop_map(|(enabled, cost_ceiling)| FallbackConfig { enabled, cost_ceiling })
}

fn hedges() -> impl Strategy<Value = HedgingConfig> {
    let after = prop_oneof![
        4 => (1_u64..2_500).prop_map(|millis| HedgeAfter::Fixed(ms(millis))),
        1 => (100_u32..9_000).prop_map(|share| HedgeAfter::Quantile(BasisPoints::new(share))),
    ];
    let measure = select(vec![HedgeMeasure::FirstToken, HedgeMeasure::EndToEnd]);
    (after, measure, any::<bool>()).prop_map(|(after, measure, same_pool)| HedgingConfig {
        after,
        measure,
        same_pool,
    })
}

fn retries() -> impl Strategy<Value = RetryConfig> {
    let jitter = select(vec![Jitter::None, Jitter::Full, Jitter::Equal]);
    let mid_stream = select(vec![MidStream::Restart, MidStream::Resume, MidStream::Fail]);
    let budget = (percent(0..100), 0_u32..3, 0_u32..20)
        .prop_map(|(share, per_second, burst)| BudgetConfig { share, per_second, burst });
    (
        0_u32..4,
        0_u64..500,
        1_u32..4,
        jitter,
        option::weighted(0.8, budget),
        any::<bool>(),
        mid_stream,
    )
        .prop_map(
            |(max_retries, base, multiplier, jitter, budget, after_timeout, mid_stream)| {
                RetryConfig {
                    max_retries,
                    base: ms(base),
                    multiplier,
                    cap: ms(2_000),
                    jitter,
                    budget,
                    after_timeout,
                    mid_stream,
                }
            },
        )
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let waits = (seconds(1..30), seconds(1..30), seconds(1..60), seconds(1..30));
    let optional =
        (option::of(seconds(1..20)), option::of(seconds(1..10)), option::of(seconds(1..90)));
    (waits, optional, select(vec![Abandon::Cancel, Abandon::Leave])).prop_map(
        |((queue, allocation, inference, release), optional, abandon)| {
            let (first_token, between_tokens, total) = optional;
            Timeouts {
                queue,
                allocation,
                first_token,
                between_tokens,
                inference,
                total,
                release,
                abandon,
            }
        },
    )
}

fn cooldowns() -> impl Strategy<Value = CooldownConfig> {
    (seconds(0..60), seconds(0..60))
        .prop_map(|(credit, longest)| CooldownConfig { credit, longest })
}

fn ejections() -> impl Strategy<Value = EjectionConfig> {
    let times = (seconds(1..20), seconds(1..30), seconds(0..90));
    (times, 1_u32..6, percent(1..101), percent(101..400), percent(0..101)).prop_map(
        |((interval, base, longest), minimum_calls, failure_margin, slowness, most)| {
            EjectionConfig {
                interval,
                minimum_calls,
                failure_margin,
                slowness,
                base,
                longest,
                most,
            }
        },
    )
}

fn quotas() -> impl Strategy<Value = QuotaConfig> {
    let requests =
        (1_u32..6, 1_u32..12).prop_map(|(per_second, burst)| RequestRate { per_second, burst });
    (
        option::of(requests),
        option::of(2_000_u64..40_000),
        option::of(1_u32..10),
        option::of(
            (1_i128..400).prop_map(|thousandths| Money::from_nanos(thousandths * 1_000_000)),
        ),
    )
        .prop_map(|(requests, tokens_per_minute, concurrent, spend_per_day)| QuotaConfig {
            requests,
            tokens_per_minute,
            concurrent,
            spend_per_day,
        })
}

fn tenants() -> impl Strategy<Value = Vec<platform::config::TenantConfig>> {
    let one = (quotas(), option::of(1_u32..9), 0_u8..10, option::of(0_u32..2), option::of(terms()));
    proptest::collection::vec(one, TENANTS as usize).prop_map(|all| {
        let all = all.into_iter().zip(["acme", "globex", "initech"]);
        let named = all.map(|((quota, weight, rank, tier, terms), name)| {
            let terms = terms.unwrap_or_default();
            let tier = tier.map(TierId);
            platform::config::TenantConfig { quota, weight, tier, terms, ..tenant(name, rank) }
        });
        named.collect()
    })
}

fn tiers() -> impl Strategy<Value = Vec<TierConfig>> {
    let one = (terms(), option::of(1_u32..9), option::of(quotas()));
    proptest::collection::vec(one, 2).prop_map(|all| {
        let all = all.into_iter().zip(["gold", "tin"]);
        let named = all.map(|((terms, weight, quota), name)| TierConfig {
            name: name.into(),
            terms,
            weight,
            quota: quota.unwrap_or_default(),
        });
        named.collect()
    })
}

fn admissions() -> impl Strategy<Value = AdmissionConfig> {
    let whom = prop_oneof![
        (0_u8..10).prop_map(|rank| ShedWhom::BelowPriority(Priority::new(rank).expect("a rank"))),
        (0_u32..2).prop_map(|class| ShedWhom::Classes(vec![ClassId(class)])),
        (0_u32..2).prop_map(|tier| ShedWhom::Tiers(vec![TierId(tier)])),
    ];
    let at = prop_oneof![
        percent(1..101).prop_map(Threshold::Line),
        percent(1..101).prop_map(Threshold::Places),
        seconds(1..10).prop_map(Threshold::Wait),
    ];
    let rule =
        (whom, at, percent(0..101)).prop_map(|(whom, at, until)| ShedRule { whom, at, until });
    (option::of(percent(1..101)), proptest::collection::vec(rule, 0..3))
        .prop_map(|(wait_bound, shed)| AdmissionConfig { wait_bound, shed })
}

fn leases() -> impl Strategy<Value = LeaseConfig> {
    let model = select(vec![SMALL, LARGE]);
    let min_warm =
        (model, 0..POOLS, 1_u32..3).prop_map(|(model, pool, leases): (ModelId, _, _)| MinWarm {
            of: Candidate { model, pool: PoolId(pool) },
            leases,
        });
    (
        option::of(seconds(1..60)),
        2_u32..7,
        option::weighted(0.3, min_warm),
        any::<bool>(),
        0..TENANTS,
        option::of(seconds(5..300)),
        option::of(forecasts()),
        option::of(seconds(20..300)),
    )
        .prop_map(|(idle, max_warm, min_warm, shared, tenant, max_age, forecast, sweep)| {
            LeaseConfig {
                idle: idle.unwrap_or_default(),
                max_warm,
                min_warm: min_warm.into_iter().collect(),
                shared,
                tenant: TenantId(tenant),
                max_age,
                forecast,
                sweep,
                ..LeaseConfig::default()
            }
        })
}

fn forecasts() -> impl Strategy<Value = ForecastConfig> {
    let part = || percent(0..101);
    let method = prop_oneof![
        part().prop_map(|alpha| ForecastMethod::Ewma { alpha }),
        (part(), part(), part(), 60_u64..300).prop_map(|(alpha, beta, gamma, season)| {
            ForecastMethod::HoltWinters { alpha, beta, gamma, season: secs(season) }
        }),
    ];
    let cost = select(vec!["0", "2.00", "10.00"]).prop_map(money);
    (method, 10_u64..30, seconds(0..60), percent(0..100), option::of(cost)).prop_map(
        |(method, interval, ahead, quantile, cost_per_hour)| ForecastConfig {
            method,
            interval: secs(interval),
            ahead,
            quantile,
            cost_per_hour,
        },
    )
}
