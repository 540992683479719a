//! Whatever a provider does, the platform keeps its promises.
//!
//! The provider answers at random: with errors (having acted or not), late, so late that it is as
//! good as never, or by taking shares away. Callers leave at random. After a drain the promises
//! are checked against the provider's own books.

use std::collections::BTreeSet;

use connector::{
    BasisPoints, CableId, ClassId, Content, ErrorKind, Money, OperationKind, Outcome, Priority,
    RequestId, TenantId, Tokens,
};
use platform::{
    BreakerState, CableStatistics, PlatformConfig,
    config::{
        BreakerConfig, CodelConfig, Discipline, Drops, FallbackConfig, HedgeAfter, HedgeMeasure,
        HedgingConfig, Jitter, QuotaConfig, RequestRate, RetryConfig, RouterConfig, ShedRule,
        ShedWhom, Threshold,
    },
};
use proptest::prelude::*;

use crate::{
    classifying::consultations,
    setting::{LARGE, SMALL, money, ms, pools, secs},
    world::{Answer, Says, World},
};

const PLACES: [Option<u32>; 4] = [Some(1), Some(2), Some(5), None];

const DISCIPLINES: [Discipline; 6] = [
    Discipline::Fifo,
    Discipline::Lifo,
    Discipline::AdaptiveLifo { after: ms(500) },
    Discipline::Shortest,
    Discipline::Priority,
    Discipline::WeightedFair,
];

const CODELS: [Option<CodelConfig>; 3] = [
    None,
    Some(CodelConfig { target: ms(100), interval: ms(300), drops: Drops::ByControlLaw }),
    Some(CodelConfig { target: ms(100), interval: ms(300), drops: Drops::AllOverdue }),
];

const QUOTA: QuotaConfig = QuotaConfig {
    requests: Some(RequestRate { per_second: 5, burst: 10 }),
    tokens_per_minute: Some(20_000),
    concurrent: Some(8),
    spend_per_day: Some(Money::from_nanos(2_000_000_000)),
};

const RELEASED: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::Conflict];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_platform_keeps_its_promises_whatever_the_provider_does(
        mut config in configs(),
        asked in consultations(),
        scripts in proptest::collection::vec(scripts(), 3),
        steps in proptest::collection::vec(steps(), 1..60),
        patient in any::<bool>(),
    ) {
        config.classifier.model = asked;
        let bound = attempts_bound(&config);
        let mut world = World::new(config.clone());
        for (cable, script) in scripts.into_iter().enumerate() {
            for (kind, answers) in script {
                world.script(cable as u32, kind, answers);
            }
        }
        world.answer_with("2");
        let mut watch = Watch::new(&config);
        let sent = act(&mut world, &mut watch, &steps);
        if patient {
            world.run();
            prop_assert_eq!(world.platform.in_flight(), 0, "answered without a drain");
        }
        world.drain();
        world.run();

        assert_answered_once(&world, sent);
        assert_bills_equal_meters(&world);
        world.assert_nothing_leaked();
        prop_assert_eq!(world.platform.deadline(), None);
        assert_hedges_add_up(&world);
        prop_assert!(world.records.iter().all(|record| u32::from(record.attempts) <= bound));
        for status in world.platform.cables() {
            prop_assert_eq!((status.in_flight, status.queued), (0, 0));
        }
    }
}

/// One move of the outside world.
#[derive(Clone, Debug)]
enum Step {
    /// A request of this tenant with this many tokens.
    Request(u32, u32),
    /// The caller of one of the requests so far leaves.
    Cancel(prop::sample::Index),
    /// Time passes.
    Pass(u64),
}

fn act(world: &mut World, watch: &mut Watch, steps: &[Step]) -> u64 {
    let mut sent = 0;
    for step in steps {
        match step {
            Step::Request(tenant, tokens) => {
                world.request_with(|request| {
                    request.tenant = TenantId(*tenant);
                    request.prompt_tokens = Tokens::new(*tokens);
                    if tokens % 2 == 0 {
                        request.content = Content::Text("why is the sky blue".into());
                    }
                    request.patience = (tokens % 3 == 0).then(|| ms(u64::from(*tokens) * 10));
                });
                sent += 1;
            }
            Step::Cancel(which) => {
                if sent > 0 {
                    world.cancel(RequestId(which.index(sent as usize) as u64));
                }
            }
            Step::Pass(millis) => watch.run_until(world, world.now + ms(*millis)),
        }
        watch.look(world);
    }
    sent
}

/// Checks at every event what must hold at every moment.
struct Watch {
    config: PlatformConfig,
    seen: usize,
    cables: Vec<Watched>,
}

#[derive(Clone, Copy)]
struct Watched {
    state: BreakerState,
    /// When the breaker opened, and how often before.
    opened: connector::Timestamp,
    openings: u64,
}

impl Watch {
    fn new(config: &PlatformConfig) -> Self {
        let closed = Watched {
            state: BreakerState::Closed,
            opened: connector::Timestamp::ZERO,
            openings: 0,
        };
        Self { config: config.clone(), seen: 0, cables: vec![closed; config.cables.len()] }
    }

    fn run_until(&mut self, world: &mut World, end: connector::Timestamp) {
        while world.step(end) {
            self.look(world);
        }
        world.now = end;
    }

    /// A cable whose breaker was open gets no strike before its recovery, and then only as many as
    /// there are probes; places and lines are kept to.
    fn look(&mut self, world: &World) {
        let news = &world.submitted[self.seen..];
        for (index, watched) in self.cables.iter_mut().enumerate() {
            let (status, config) = (world.status(index as u32), &self.config.cables[index]);
            let to_here = |one: &&crate::world::Submitted| {
                one.cable == CableId(index as u32)
                    && one.operation.kind() == OperationKind::Allocate
            };
            let strikes = news.iter().filter(to_here).count();
            if watched.state == BreakerState::Open && strikes > 0 {
                assert!(world.now >= watched.opened + config.breaker.recovery, "too early");
                assert!(strikes <= config.breaker.half_open_probes as usize, "too many probes");
            }
            if status.statistics.openings > watched.openings {
                watched.opened = world.now;
            }
            (watched.state, watched.openings) = (status.breaker, status.statistics.openings);
            assert!(config.max_in_flight.is_none_or(|places| status.in_flight <= places));
            assert!(status.queued <= config.queue);
        }
        self.seen = world.submitted.len();
    }
}

fn assert_answered_once(world: &World, sent: u64) {
    let answered: BTreeSet<u64> = world.records.iter().map(|record| record.request.0).collect();
    assert_eq!(answered, (0..sent).collect());
    assert_eq!((world.records.len(), world.responses.len()), (sent as usize, sent as usize));
    for (record, response) in world.records.iter().zip(&world.responses) {
        assert_eq!((record.request, record.outcome), (response.request, response.outcome));
        assert_eq!(response.reason.is_none(), record.outcome == Outcome::Completed);
        assert!(record.finished >= record.arrived);
    }
}

fn assert_bills_equal_meters(world: &World) {
    for (index, meter) in world.platform.meters().iter().enumerate() {
        let of_tenant = || world.records.iter().filter(move |one| one.tenant.index() == index);
        assert_eq!(of_tenant().map(|one| one.cost).sum::<Money>(), meter.cost);
        let completed = || of_tenant().filter(|one| one.outcome == Outcome::Completed);
        assert_eq!(completed().count() as u64, meter.completed);
        let tokens: u128 = completed().map(|one| u128::from(one.output_tokens.get())).sum();
        assert_eq!(tokens, meter.output_tokens);
    }
    let (meters, cables) = (world.platform.meters(), world.platform.cables());
    let by_cable = cables.map(|cable| cable.statistics.cost).sum::<Money>();
    assert_eq!(meters.iter().map(|meter| meter.cost).sum::<Money>(), by_cable);
}

/// Of two strikes one is called off when the other has won, so there are no more of those than hedges.
fn assert_hedges_add_up(world: &World) {
    let statistics: Vec<_> = world.platform.cables().map(|cable| cable.statistics).collect();
    let sum = |of: fn(&CableStatistics) -> u64| statistics.iter().map(of).sum::<u64>();
    let hedges = sum(|cable| cable.hedges);
    assert_eq!(world.records.iter().map(|one| u64::from(one.hedges)).sum::<u64>(), hedges);
    assert!(sum(|cable| cable.called_off) <= hedges);
    assert!(sum(|cable| cable.hedges_won) <= sum(|cable| cable.called_off));
    let strikes: u64 = world.records.iter().map(|one| u64::from(one.attempts)).sum();
    assert_eq!(strikes, sum(|cable| cable.strikes));
    for cable in &statistics {
        assert!(cable.called_off_slot_ns <= cable.slot_ns && cable.called_off_cost <= cable.cost);
    }
}

/// Every candidate, at most two models on each pool, may be struck once and retried as often as
/// configured, and beside each strike there may be one hedge.
fn attempts_bound(config: &PlatformConfig) -> u32 {
    let at_once = if config.hedging.is_some() { 2 } else { 1 };
    (config.retry.max_retries + 1) * 2 * config.cables.len() as u32 * at_once
}

fn configs() -> impl Strategy<Value = PlatformConfig> {
    let cable = (prop::sample::select(&PLACES[..]), 0_u32..4, 1_u32..4, 1_u32..3, 1_u64..90);
    let router = prop::sample::select(&["static", "cheapest", "fastest"][..]);
    let cables = proptest::collection::vec(cable, 3);
    (cables, router, 0_u32..4, any::<bool>(), hedging(), any::<u64>()).prop_map(
        |(cables, router, max_retries, fallback, hedging, seed)| {
            let mut config = pools(3);
            for (line, (places, queue, failures, probes, recovery)) in
                config.cables.iter_mut().zip(cables)
            {
                line.max_in_flight = places;
                line.queue = queue;
                line.discipline = DISCIPLINES[(seed % 5 + u64::from(failures)) as usize % 6];
                line.codel = CODELS[(seed % 3) as usize];
                line.breaker = BreakerConfig {
                    failure_threshold: failures,
                    recovery: secs(recovery),
                    half_open_probes: probes,
                    ..BreakerConfig::default()
                };
            }
            config.cables[1].price_per_slot_hour = money("3.00");
            config.cables[2].kind = connector::PoolKind::Local;
            match router {
                "cheapest" => config.router = RouterConfig::Cheapest,
                "fastest" => config.router = RouterConfig::Fastest,
                _ => {}
            }
            config.classifier.classes[1].models = vec![LARGE, SMALL];
            config.retry = RetryConfig { max_retries, jitter: Jitter::Full, ..config.retry };
            config.fallback = FallbackConfig { enabled: fallback, ..config.fallback };
            if seed % 2 == 0 {
                config.tenants[0].quota = QUOTA;
                config.admission.shed = shed_rules();
            }
            config.hedging = hedging;
            config.seed = seed;
            config
        },
    )
}

fn shed_rules() -> Vec<ShedRule> {
    let rule = |whom, at| ShedRule { whom, at, until: BasisPoints::from_percent(50) };
    vec![
        rule(ShedWhom::Classes(vec![ClassId(1)]), Threshold::Places(BasisPoints::ONE)),
        rule(ShedWhom::BelowPriority(Priority::MAX), Threshold::Wait(secs(2))),
    ]
}

fn hedging() -> impl Strategy<Value = Option<HedgingConfig>> {
    let after = prop_oneof![
        4 => (1_u64..2_500).prop_map(|millis| HedgeAfter::Fixed(ms(millis))),
        1 => (100_u32..9_000).prop_map(|share| HedgeAfter::Quantile(BasisPoints::new(share))),
    ];
    let measure = prop::sample::select(&[HedgeMeasure::FirstToken, HedgeMeasure::EndToEnd][..]);
    let hedging = (after, measure, any::<bool>())
        .prop_map(|(after, measure, same_pool)| HedgingConfig { after, measure, same_pool });
    prop_oneof![1 => Just(None), 3 => hedging.prop_map(Some)]
}

type Script = Vec<(OperationKind, Vec<Answer>)>;

/// What one cable answers, until it runs out of ideas and everything succeeds.
fn scripts() -> impl Strategy<Value = Script> {
    let of = |kind, answers: BoxedStrategy<Answer>, longest: usize| {
        proptest::collection::vec(answers, 0..longest).prop_map(move |answers| (kind, answers))
    };
    (
        of(OperationKind::Allocate, answers(|_| true, 0), 40),
        of(OperationKind::Infer, answers(|_| true, 1), 40),
        // Whoever says that it does not know a share must not hold it.
        of(OperationKind::Release, answers(|kind| !RELEASED.contains(&kind), 0), 15),
        // A round of lists has three tries, and what it cannot clear up is not promised.
        of(OperationKind::List, answers(ErrorKind::retryable, 0), 3),
    )
        .prop_map(|(allocate, infer, release, list)| vec![allocate, infer, release, list])
}

fn answers(allowed: fn(ErrorKind) -> bool, preempts: u32) -> BoxedStrategy<Answer> {
    let kinds: Vec<_> = ErrorKind::ALL.into_iter().filter(|&kind| allowed(kind)).collect();
    // Up to 40 minutes: longer than every time-out.
    let after = prop_oneof![8 => 0_u64..2_000, 1 => 0_u64..2_400_000];
    let says = prop_oneof![
        5 => Just(Says::Yes),
        4 => prop::sample::select(kinds).prop_map(Says::No),
        2 => ambiguous().prop_map(Says::DoneBut),
        preempts => Just(Says::Preempts),
    ];
    (after, says).prop_map(|(after, says)| Answer { after: ms(after), says }).boxed()
}

fn ambiguous() -> impl Strategy<Value = ErrorKind> {
    let kinds: Vec<_> = ErrorKind::ALL.into_iter().filter(|kind| kind.ambiguous()).collect();
    prop::sample::select(kinds)
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..2, 1_u32..3_000).prop_map(|(tenant, tokens)| Step::Request(tenant, tokens)),
        2 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        3 => (0_u64..3_000).prop_map(Step::Pass),
        1 => (0_u64..120_000).prop_map(Step::Pass),
    ]
}
