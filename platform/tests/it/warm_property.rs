//! Whatever a provider does with warm leases, forecasts and sweeps at work: nothing is leaked, nothing
//! is released twice, and the books add up. Long runs: a hundred thousand moves in all.

use connector::{ErrorKind, Money, OperationKind, RequestId, TenantId, Tokens};
use platform::{
    PlatformConfig,
    config::{Candidate, ForecastConfig, ForecastMethod, LeaseConfig, MinWarm, RouterConfig},
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    setting::{LARGE, SMALL, ms, pools, secs},
    world::{Answer, Says, World},
};

const CASES: u32 = 10;
const MOVES: u32 = 10_000;
/// Answers scripted per cable and kind of operation; then everything succeeds.
const ANSWERS: usize = 4_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_leaked_and_nothing_released_twice_with_leases_kept(seed in any::<u64>()) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let config = config(&mut random);
        let mut world = World::new(config);
        for cable in 0..3 {
            for kind in [OperationKind::Allocate, OperationKind::Infer, OperationKind::Release] {
                let answers: Vec<Answer> =
                    (0..ANSWERS).map(|_| answer(&mut random, kind)).collect();
                world.script(cable, kind, answers);
            }
        }
        let sent = act(&mut world, &mut random);
        world.drain();
        world.run();
        prop_assert_eq!(world.records.len() as u64, sent);
        world.assert_nothing_leaked();
        prop_assert_eq!(world.platform.deadline(), None);
        prop_assert_eq!(world.platform.holdings().count(), 0);
        assert_books_agree(&world);
        let warm: u64 = world.platform.cables().map(|one| one.statistics.warm_strikes).sum();
        prop_assert!(warm > 0, "leases were used again");
    }
}

fn act(world: &mut World, random: &mut Xoshiro256PlusPlus) -> u64 {
    let mut sent = 0;
    for _ in 0..MOVES {
        match random.random_range(0..10) {
            0..6 => {
                let (tenant, tokens) = (random.random_range(0..2), random.random_range(1..3_000));
                world.request_with(|request| {
                    request.tenant = TenantId(tenant);
                    request.prompt_tokens = Tokens::new(tokens);
                });
                sent += 1;
            }
            6 if sent > 0 => world.cancel(RequestId(random.random_range(0..sent))),
            7 if random.random_range(0..20) == 0 => world.run_for(secs(random.random_range(0..90))),
            _ => world.run_for(ms(random.random_range(0..900))),
        }
    }
    sent
}

/// Tenants pay what their requests cost, and with the overhead that is what the cables cost.
fn assert_books_agree(world: &World) {
    let meters = world.platform.meters();
    let used: Money = meters.iter().map(|meter| meter.cost).sum();
    assert_eq!(world.records.iter().map(|record| record.cost).sum::<Money>(), used);
    let (overhead, cables) = (world.platform.overhead(), || world.platform.cables());
    assert_eq!(cables().map(|one| one.statistics.cost).sum::<Money>(), used + overhead.cost);
    assert_eq!(cables().map(|one| one.statistics.idle_cost).sum::<Money>(), overhead.cost);
    let slots: u128 = meters.iter().map(|meter| meter.slot_ns).sum();
    let by_cable: u128 = cables().map(|one| one.statistics.slot_ns).sum();
    assert_eq!(by_cable, slots + overhead.slot_ns);
}

fn config(random: &mut Xoshiro256PlusPlus) -> PlatformConfig {
    let mut config = pools(3);
    config.cables[0].max_in_flight = Some(random.random_range(1..8));
    config.cables[0].queue = random.random_range(0..5);
    config.router = RouterConfig::Cheapest;
    config.classifier.classes[1].models = vec![LARGE, SMALL];
    let shared = random.random();
    let of = Candidate { model: SMALL, pool: connector::PoolId(1) };
    let seasons = ForecastMethod::HoltWinters {
        alpha: connector::BasisPoints::from_percent(30),
        beta: connector::BasisPoints::from_percent(1),
        gamma: connector::BasisPoints::from_percent(30),
        season: secs(120),
    };
    let forecast = ForecastConfig { method: seasons, ..ForecastConfig::default() };
    config.leases = LeaseConfig {
        idle: secs(random.random_range(0..30)),
        max_warm: random.random_range(2..9),
        min_warm: vec![MinWarm { of, leases: random.random_range(1..3) }],
        shared,
        max_age: Some(secs(random.random_range(5..300))),
        forecast: Some(forecast).filter(|_| random.random()),
        sweep: Some(secs(random.random_range(20..300))),
        ..LeaseConfig::default()
    };
    config.seed = random.random();
    config
}

/// Mostly yes; failures of every kind, having acted or not, some very late; shares that are taken away.
fn answer(random: &mut Xoshiro256PlusPlus, kind: OperationKind) -> Answer {
    let kinds: Vec<ErrorKind> =
        ErrorKind::ALL.into_iter().filter(|one| allowed(kind, *one)).collect();
    let ambiguous: Vec<ErrorKind> = kinds.iter().copied().filter(|one| one.ambiguous()).collect();
    let says = match random.random_range(0..20) {
        0 | 1 => Says::No(kinds[random.random_range(0..kinds.len())]),
        2 => Says::DoneBut(ambiguous[random.random_range(0..ambiguous.len())]),
        3 if kind == OperationKind::Infer => Says::Preempts,
        _ => Says::Yes,
    };
    let longest = if random.random_range(0..100) == 0 { 100_000 } else { 1_500 };
    Answer { after: ms(random.random_range(0..longest)), says }
}

/// Whoever says that it does not know a share must not hold it.
fn allowed(kind: OperationKind, error: ErrorKind) -> bool {
    let gone = matches!(error, ErrorKind::NotFound | ErrorKind::Conflict);
    kind == OperationKind::Allocate || !gone
}
