//! Whatever a provider does: every nanosecond of every share is in the books once, and every attempt
//! has one record.

use std::collections::{BTreeMap, BTreeSet};

use connector::{
    AllocationId, Content, ErrorKind, EventKind, Operation, OperationKind, PoolId, RequestId,
    TenantId, Timestamp, Tokens,
};
use platform::{
    PlatformConfig,
    billing::{Origin, UsageRecord, UseKind},
    config::{
        Abandon, BatchingConfig, Candidate, HedgeAfter, HedgeMeasure, HedgingConfig, LeaseConfig,
        MidStream, MinWarm, RouterConfig,
    },
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    classifying::consultations,
    setting::{LARGE, SMALL, ms, pools, secs},
    world::{Answer, Says, World},
};

const MOVES: u32 = 300;
const ANSWERS: usize = 200;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_nanosecond_is_somebodys_and_every_attempt_is_metered_once(
        seed in any::<u64>(),
        asked in consultations(),
    ) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut config = config(&mut random);
        config.classifier.model = asked;
        let shares_are_shared = config.leases.batching.is_some();
        let mut world = World::new(config);
        world.answer_with("2");
        for cable in 0..3 {
            for kind in [OperationKind::Allocate, OperationKind::Infer, OperationKind::Release] {
                let answers: Vec<Answer> = (0..ANSWERS).map(|_| answer(&mut random, kind)).collect();
                world.script(cable, kind, answers);
            }
        }
        act(&mut world, &mut random);
        world.drain();
        world.run();
        world.assert_nothing_leaked();
        assert_leases_are_as_the_provider_saw_them(&world);
        assert_stretches_fill_the_leases(&world);
        assert_sums_are_the_platforms(&world);
        assert_one_record_per_attempt(&world, shares_are_shared);
    }
}

/// Against what was said on the line: a share is ours from the moment at which its grant was told to
/// that at which its release was first asked for.
fn assert_leases_are_as_the_provider_saw_them(world: &World) {
    let mut released: BTreeMap<AllocationId, Timestamp> = BTreeMap::new();
    for one in &world.submitted {
        if let Operation::Release { allocation } = one.operation {
            released.entry(allocation).or_insert(one.at);
        }
    }
    let leases: BTreeMap<_, _> = world.leases.iter().map(|one| (one.allocation, one)).collect();
    assert_eq!(leases.len(), world.leases.len(), "one record per share");
    assert_eq!(leases.keys().collect::<Vec<_>>(), released.keys().collect::<Vec<_>>());
    for (allocation, lease) in leases {
        assert_eq!(lease.given_back, released[&allocation]);
        assert!(lease.known <= lease.booked && lease.booked <= lease.given_back);
        match world.told.get(&allocation) {
            Some(&told) => assert_eq!(lease.known, told),
            None => assert_eq!(lease.origin, Origin::Found),
        }
    }
}

fn slots(usage: &[UsageRecord], counts: impl Fn(&UsageRecord) -> bool) -> u128 {
    usage.iter().filter(|record| counts(record)).map(|record| record.meters.slot_ns).sum()
}

fn assert_stretches_fill_the_leases(world: &World) {
    for pool in 0..3 {
        let leases = || world.leases.iter().filter(move |lease| lease.pool == PoolId(pool));
        let time = |from: Timestamp, until: Timestamp| u128::from(until.since(from).as_nanos());
        let paid: u128 = leases().map(|lease| time(lease.booked, lease.given_back)).sum();
        let unpaid: u128 = leases().map(|lease| time(lease.known, lease.booked)).sum();
        let here = |record: &UsageRecord| record.pool == PoolId(pool);
        let is_ghost = |record: &UsageRecord| record.kind == UseKind::Ghost;
        assert_eq!(slots(&world.usage, |one| here(one) && !is_ghost(one)), paid);
        assert_eq!(slots(&world.usage, |one| here(one) && is_ghost(one)), unpaid);
    }
}

fn assert_sums_are_the_platforms(world: &World) {
    for (index, meter) in world.platform.meters().iter().enumerate() {
        let is_its = |record: &UsageRecord| {
            record.tenant.index() == index && !matches!(record.kind, UseKind::Idle | UseKind::Ghost)
        };
        assert_eq!(slots(&world.usage, is_its), meter.slot_ns);
        let delivered =
            world.usage.iter().filter(|one| is_its(one) && one.kind == UseKind::Delivered);
        let (requests, tokens) = delivered.fold((0, 0), |(requests, tokens), one| {
            (requests + one.meters.requests, tokens + u128::from(one.meters.output_tokens))
        });
        assert_eq!((requests, tokens), (meter.completed, meter.output_tokens));
    }
    for (pool, cable) in world.platform.cables().enumerate() {
        let here = |record: &UsageRecord| record.pool.index() == pool;
        let idle = |record: &UsageRecord| here(record) && record.kind == UseKind::Idle;
        let booked = |record: &UsageRecord| here(record) && record.kind != UseKind::Ghost;
        assert_eq!(slots(&world.usage, booked), cable.statistics.slot_ns);
        assert_eq!(slots(&world.usage, idle), cable.statistics.idle_slot_ns);
    }
}

fn assert_one_record_per_attempt(world: &World, shares_are_shared: bool) {
    let keys: BTreeSet<_> = world.usage.iter().map(|record| record.key).collect();
    assert_eq!(keys.len(), world.usage.len(), "a key is given once");
    let of_strikes =
        || world.usage.iter().filter(|one| !matches!(one.kind, UseKind::Idle | UseKind::Ghost));
    let strikes: BTreeSet<_> = of_strikes().map(|record| record.strike).collect();
    let begun =
        world.platform.cables().map(|one| one.statistics.strikes + one.statistics.consultations);
    assert_eq!(strikes.len() as u64, begun.sum::<u64>());
    for record in &world.usage {
        let lasted = u128::from(record.until.since(record.from).as_nanos());
        let slot_ns = record.meters.slot_ns;
        let is_part = shares_are_shared && slot_ns < lasted;
        assert!(slot_ns == lasted || slot_ns == 0 || is_part, "{record:?}");
    }
}

fn act(world: &mut World, random: &mut Xoshiro256PlusPlus) {
    let mut sent = 0;
    for _ in 0..MOVES {
        match random.random_range(0..12) {
            0..5 => {
                let (tenant, tokens) = (random.random_range(0..2), random.random_range(1..3_000));
                world.request_with(|request| {
                    request.tenant = TenantId(tenant);
                    request.prompt_tokens = Tokens::new(tokens);
                    if tokens % 2 == 0 {
                        request.content = Content::Text("why is the sky blue".into());
                    }
                });
                sent += 1;
            }
            5 | 6 if sent > 0 => world.cancel(RequestId(random.random_range(0..sent))),
            7 => progress(world, random),
            8 if random.random_range(0..10) == 0 => world.run_for(secs(random.random_range(0..90))),
            _ => world.run_for(ms(random.random_range(0..900))),
        }
    }
}

/// Some inference tells how far it is.
fn progress(world: &mut World, random: &mut Xoshiro256PlusPlus) {
    let asked = world.submitted.iter().rev().take(20);
    let asked = asked.filter(|one| one.operation.kind() == OperationKind::Infer);
    let Some((cable, ticket)) = asked.map(|one| (one.cable.0, one.ticket)).next() else { return };
    let tokens = Tokens::new(random.random_range(1..50));
    world.deliver(cable, EventKind::Progress { ticket, tokens, text: None });
}

fn config(random: &mut Xoshiro256PlusPlus) -> PlatformConfig {
    let mut config = pools(3);
    config.cables[0].max_in_flight = Some(random.random_range(1..8));
    config.cables[0].queue = random.random_range(0..5);
    config.router = RouterConfig::Cheapest;
    config.classifier.classes[1].models = vec![LARGE, SMALL];
    config.timeouts.abandon = [Abandon::Leave, Abandon::Cancel][random.random_range(0..2)];
    config.timeouts.total = Some(secs(random.random_range(3..60))).filter(|_| random.random());
    config.retry.mid_stream =
        [MidStream::Resume, MidStream::Restart, MidStream::Fail][random.random_range(0..3)];
    let after = HedgeAfter::Fixed(ms(random.random_range(100..3_000)));
    let measure = [HedgeMeasure::FirstToken, HedgeMeasure::EndToEnd][random.random_range(0..2)];
    let hedging = HedgingConfig { after, measure, same_pool: random.random() };
    config.hedging = Some(hedging).filter(|_| random.random());
    let of = Candidate { model: SMALL, pool: PoolId(1) };
    if random.random() {
        config.leases = LeaseConfig {
            idle: secs(random.random_range(0..30)),
            max_warm: random.random_range(2..9),
            min_warm: vec![MinWarm { of, leases: random.random_range(1..3) }],
            shared: random.random(),
            max_age: Some(secs(random.random_range(5..300))),
            sweep: Some(secs(random.random_range(20..300))),
            ..LeaseConfig::default()
        };
    }
    let batching = BatchingConfig { max: 3, wait: ms(500), below: Tokens::new(2_500) };
    config.leases.batching = Some(batching).filter(|_| random.random());
    config.seed = random.random();
    config
}

/// Mostly yes; failures of every kind, having acted or not, some very late; shares that are taken
/// away.
fn answer(random: &mut Xoshiro256PlusPlus, kind: OperationKind) -> Answer {
    let gone = |error: ErrorKind| matches!(error, ErrorKind::NotFound | ErrorKind::Conflict);
    let allowed = |error: &ErrorKind| kind == OperationKind::Allocate || !gone(*error);
    let kinds: Vec<ErrorKind> = ErrorKind::ALL.into_iter().filter(allowed).collect();
    let ambiguous: Vec<ErrorKind> = kinds.iter().copied().filter(|one| one.ambiguous()).collect();
    let says = match random.random_range(0..14) {
        0 | 1 => Says::No(kinds[random.random_range(0..kinds.len())]),
        2 => Says::DoneBut(ambiguous[random.random_range(0..ambiguous.len())]),
        3 if kind == OperationKind::Infer => Says::Preempts,
        _ => Says::Yes,
    };
    let longest = if random.random_range(0..50) == 0 { 100_000 } else { 1_500 };
    Answer { after: ms(random.random_range(0..longest)), says }
}
