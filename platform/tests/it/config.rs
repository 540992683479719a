//! Every configuration that cannot be is refused by name.

use connector::{BasisPoints, Duration, Mebibytes, ModelId, Money, PoolId, Priority};
use platform::{
    ConfigError, Platform, PlatformConfig,
    config::{
        BatchingConfig, Candidate, CodelConfig, LimitConfig, ProbeRenewal, RampUp, RatesConfig,
        RouterConfig, ShedRule, ShedWhom, Threshold, WindowConfig,
    },
};

use crate::setting::{LARGE, SMALL, cable, class, model, money, pools};

#[test]
fn what_cannot_be_is_refused_by_name() {
    for (message, spoil) in SPOILT {
        let mut config = pools(2);
        spoil(&mut config);
        let error = Platform::new(config).expect_err(message);
        assert_eq!(error.to_string(), *message);
        assert!(!error.help().is_empty());
    }
}

type Spoil = fn(&mut PlatformConfig);

const SPOILT: &[(&str, Spoil)] = &[
    ("there are no models", |config| config.models.clear()),
    ("there are no cables", |config| config.cables.clear()),
    ("there are no tenants", |config| config.tenants.clear()),
    ("there are no classes", |config| config.classifier.classes.clear()),
    ("there are two cables `pool-0`", |config| config.cables[1].name = "pool-0".into()),
    ("there are two cables to pool `0`", |config| config.cables[1].pool = PoolId(0)),
    ("there are two tenants `acme`", |config| config.tenants[1].name = "acme".into()),
    ("there are two classes `simple`", |config| {
        config.classifier.classes[1].name = "simple".into();
    }),
    ("there are two models `gemma-2b`", |config| config.models[1].name = "gemma-2b".into()),
    ("class `complex` has no models", |config| config.classifier.classes[1].models.clear()),
    ("class `complex` names model 7, but there are 2", |config| {
        config.classifier.classes[1].models = vec![ModelId(7)];
    }),
    ("model `qwen-14b` needs 14 GiB, but the largest card has 8 GiB", |config| {
        for cable in &mut config.cables {
            cable.card_vram = Mebibytes::from_gib(8);
        }
    }),
    ("model `qwen-14b` needs 14 GiB, but cards of pool `pool-1` have 8 GiB", |config| {
        config.cables[1].card_vram = Mebibytes::from_gib(8);
    }),
    ("class `simple` has a candidate on pool 9, to which no cable leads", |config| {
        config.router = only(Candidate { model: SMALL, pool: PoolId(9) });
    }),
    ("class `simple` names model 9, but there are 2", |config| {
        config.router = only(Candidate { model: ModelId(9), pool: PoolId(0) });
    }),
    ("class `simple` has no candidates", |config| {
        config.router = RouterConfig::Static(vec![vec![], vec![]]);
    }),
    ("lists of candidates: 1 given, 2 needed", |config| {
        config.router = RouterConfig::Static(vec![vec![]]);
    }),
    ("paces of cable `pool-1`: 1 given, 2 needed", |config| {
        config.cables[1].paces.truncate(1);
    }),
    ("strikes at once of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].max_in_flight = Some(0);
    }),
    ("failure threshold of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].breaker.failure_threshold = 0;
    }),
    ("half-open probes of cable `pool-1` must be at least 1, not 0", |config| {
        config.cables[1].breaker.half_open_probes = 0;
    }),
    ("least limit of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].limit = Some(LimitConfig { least: 0, ..LimitConfig::default() });
    }),
    ("initial limit of cable `pool-0` must be at least 30, not 20", |config| {
        config.cables[0].limit = Some(LimitConfig { least: 30, ..LimitConfig::default() });
    }),
    (
        "tolerance of the limit in hundredths of a percent of cable `pool-0` must be at least 10001, not 10000",
        |config| {
            let tolerance = BasisPoints::ONE;
            config.cables[0].limit = Some(LimitConfig { tolerance, ..LimitConfig::default() });
        },
    ),
    ("recovery in ns of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].breaker.recovery = Duration::ZERO;
    }),
    (
        "growth of the recovery in hundredths of a percent of cable `pool-0` must be at least 10000, not 9999",
        |config| config.cables[0].breaker.recovery_growth = BasisPoints::new(9_999),
    ),
    ("renewal of probes in ns of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].breaker.probe_renewal = ProbeRenewal::After(Duration::ZERO);
    }),
    ("longest time half-open in ns of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].breaker.half_open_max_wait = Some(Duration::ZERO);
    }),
    ("ramp-up in ns of cable `pool-0` must be at least 1, not 0", |config| {
        config.cables[0].breaker.ramp_up =
            Some(RampUp { time: Duration::ZERO, start: BasisPoints::ZERO });
    }),
    ("window in calls of cable `pool-0` must be at least 1, not 0", |config| {
        rates(config).window = WindowConfig::Calls(0);
    }),
    ("window in calls of cable `pool-0`: 100001 is more than 100000", |config| {
        rates(config).window = WindowConfig::Calls(100_001);
    }),
    ("window in seconds of cable `pool-0`: 3601 is more than 3600", |config| {
        rates(config).window = WindowConfig::Seconds(3_601);
    }),
    ("minimum calls of cable `pool-0` must be at least 1, not 0", |config| {
        rates(config).minimum_calls = 0;
    }),
    (
        "failure rate in hundredths of a percent of cable `pool-0` must be at least 1, not 0",
        |config| rates(config).failure_rate = BasisPoints::ZERO,
    ),
    (
        "slow-call rate in hundredths of a percent of cable `pool-0`: 10001 is more than 10000",
        |config| rates(config).slow_rate = BasisPoints::new(10_001),
    ),
    ("time of a slow call in ns of cable `pool-0` must be at least 1, not 0", |config| {
        rates(config).slow.first_token = Duration::ZERO;
    }),
    ("target of CoDel in ns of cable `pool-0` must be at least 1, not 0", |config| {
        let target = Duration::ZERO;
        config.cables[0].codel = Some(CodelConfig { target, ..CodelConfig::default() });
    }),
    ("requests that share a lease must be at least 2, not 1", |config| {
        config.leases.batching = Some(BatchingConfig { max: 1, ..BatchingConfig::default() });
    }),
    ("requests that share a lease: 257 is more than 256", |config| {
        config.leases.batching = Some(BatchingConfig { max: 257, ..BatchingConfig::default() });
    }),
    ("time in which they come in ns must be at least 1, not 0", |config| {
        let wait = Duration::ZERO;
        config.leases.batching = Some(BatchingConfig { wait, ..BatchingConfig::default() });
    }),
    ("tokens below which a request is small must be at least 1, not 0", |config| {
        let below = connector::Tokens::ZERO;
        config.leases.batching = Some(BatchingConfig { below, ..BatchingConfig::default() });
    }),
    ("threshold of shedding in basis points must be at least 1, not 0", |config| {
        shed(config, Threshold::Line(BasisPoints::ZERO));
    }),
    ("threshold of shedding in basis points: 10001 is more than 10000", |config| {
        shed(config, Threshold::Places(BasisPoints::new(10_001)));
    }),
    ("wait of shedding in ns must be at least 1, not 0", |config| {
        shed(config, Threshold::Wait(Duration::ZERO));
    }),
    ("end of shedding in basis points: 10001 is more than 10000", |config| {
        shed(config, Threshold::Line(BasisPoints::ONE));
        config.admission.shed[0].until = BasisPoints::new(10_001);
    }),
    ("rules of shedding: 33 is more than 32", |config| {
        (0..33).for_each(|_| shed(config, Threshold::Line(BasisPoints::ONE)));
    }),
    ("pool `pool-0`: price -0.000000001 is below zero", |config| {
        config.cables[0].price_per_slot_hour = Money::from_nanos(-1);
    }),
    ("retry: multiplier must be at least 1, not 0", |config| config.retry.multiplier = 0),
    ("retries: 1001 is more than 1000", |config| config.retry.max_retries = 1_001),
    ("time-out of allocations in ns must be at least 1, not 0", |config| {
        config.timeouts.allocation = Duration::ZERO;
    }),
    ("time-out of inferences in ns must be at least 1, not 0", |config| {
        config.timeouts.inference = Duration::ZERO;
    }),
    ("time-out of releases in ns must be at least 1, not 0", |config| {
        config.timeouts.release = Duration::ZERO;
    }),
    ("cables: 1025 is more than 1024", |config| {
        let standard = connector::PoolKind::Standard;
        config.cables = (0..1_025).map(|pool| cable(pool, standard, "1.00")).collect();
    }),
    ("candidates of class `simple`: 130 is more than 128", |config| {
        let standard = connector::PoolKind::Standard;
        config.cables = (0..65).map(|pool| cable(pool, standard, "1.00")).collect();
        config.router = RouterConfig::Cheapest;
        config.classifier.classes[0].models = vec![SMALL, LARGE];
    }),
];

#[test]
fn a_model_that_no_class_uses_may_be_too_large() {
    let mut config = pools(1);
    config.models.push(model("qwen-70b", 80, 100));
    config.cables[0].paces = vec![config.cables[0].paces[0]; 3];
    assert!(Platform::new(config).is_ok());
}

#[test]
fn free_pools_and_refusing_queues_are_fine() {
    let mut config = pools(2);
    config.cables[0].price_per_slot_hour = money("0");
    config.timeouts.queue = Duration::ZERO;
    config.retry.max_retries = 0;
    config.classifier.classes.truncate(1);
    config.classifier.classes[0] = class("all", 1, SMALL);
    config.router = RouterConfig::Cheapest;
    assert!(Platform::new(config).is_ok());
    assert!(!ConfigError::Empty { what: "cables" }.help().is_empty());
}

fn rates(config: &mut PlatformConfig) -> &mut RatesConfig {
    config.cables[0].breaker.rates.get_or_insert_with(RatesConfig::default)
}

fn shed(config: &mut PlatformConfig, at: Threshold) {
    let whom = ShedWhom::BelowPriority(Priority::MAX);
    config.admission.shed.push(ShedRule { whom, at, until: BasisPoints::ONE });
}

fn only(candidate: Candidate) -> RouterConfig {
    RouterConfig::Static(vec![vec![candidate], vec![candidate]])
}
