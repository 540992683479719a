//! Who is refused while a pool has much to do.

use connector::{
    BasisPoints, ClassId, Duration, OperationKind, Outcome, Priority, Rejection, TenantId, TierId,
    Tokens,
};
use platform::{
    PlatformConfig,
    config::{ShedRule, ShedWhom, Threshold, TierConfig},
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    setting::{one_pool, secs, tenant},
    world::{World, yes_after},
};

fn rule(whom: ShedWhom, at: Threshold, until: u32) -> ShedRule {
    ShedRule { whom, at, until: BasisPoints::from_percent(until) }
}

fn below(rank: u8) -> ShedWhom {
    ShedWhom::BelowPriority(Priority::new(rank).expect("a rank"))
}

fn percent(share: u32) -> BasisPoints {
    BasisPoints::from_percent(share)
}

/// Sends a request of this tenant: what it was refused for at once.
fn send(world: &mut World, tenant: u32) -> Option<Rejection> {
    let id = world.request_with(|request| request.tenant = TenantId(tenant));
    world.records.iter().find(|one| one.request == id).and_then(|one| one.rejection)
}

#[test]
fn whoever_is_below_the_priority_is_shed_from_the_threshold_until_the_load_is_below_the_gap() {
    let mut config = one_pool(1, 10);
    config.admission.shed = vec![rule(below(5), Threshold::Line(percent(50)), 60)];
    let mut world = World::new(config);
    // One is served, five wait.
    (0..6).for_each(|_| assert_eq!(send(&mut world, 0), None));
    assert_eq!(send(&mut world, 0), Some(Rejection::Shed));
    (0..5).for_each(|_| assert_eq!(send(&mut world, 1), None, "rank 5 may fill the line"));
    assert_eq!(send(&mut world, 1), Some(Rejection::LineFull));
    // Three left are 60 % of the threshold, two are less.
    while world.status(0).queued > 3 {
        world.run_for(secs(1));
    }
    assert_eq!(send(&mut world, 0), Some(Rejection::Shed));
    world.run_for(secs(2));
    assert_eq!(send(&mut world, 0), None);
    assert_eq!(world.status(0).statistics.shed, 2);
    let reason = world.responses.iter().filter_map(|response| response.reason.as_deref());
    let shed =
        reason.filter(|words| words.contains("not important enough for a pool that has much"));
    assert_eq!(shed.count(), 2);
    world.run();
    world.assert_nothing_leaked();
}

#[test]
fn classes_and_tiers_are_shed_as_well() {
    let mut config = one_pool(2, 10);
    let gold = TierConfig { name: "gold".into(), ..TierConfig::default() };
    config.tiers = vec![gold];
    config.tenants[1].tier = Some(TierId(0));
    config.admission.shed = vec![
        rule(ShedWhom::Tiers(vec![TierId(0)]), Threshold::Places(BasisPoints::ONE), 100),
        rule(ShedWhom::Classes(vec![ClassId(1)]), Threshold::Places(percent(50)), 100),
    ];
    let mut world = World::new(config);
    let complex = |world: &mut World| {
        let id = world.request_with(|request| request.prompt_tokens = Tokens::new(2_000));
        world.records.iter().find(|one| one.request == id).and_then(|one| one.rejection)
    };
    assert_eq!(complex(&mut world), None);
    assert_eq!(complex(&mut world), Some(Rejection::Shed), "one of two places is taken");
    assert_eq!(send(&mut world, 1), None, "the second place is free for the tier");
    assert_eq!(send(&mut world, 1), Some(Rejection::Shed));
    assert_eq!(send(&mut world, 0), None, "who is of no tier may wait");
    world.run();
    world.assert_nothing_leaked();
}

/// Ten places, a line of forty, and twice what they can serve, in equal parts of three tenants of ranks
/// 0, 5 and 9.
fn overload(shed: Vec<ShedRule>) -> World {
    let mut config = one_pool(10, 40);
    config.tenants.push(tenant("initech", 9));
    config.admission.shed = shed;
    let mut world = World::new(config);
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(1);
    // A place serves one in 1.01 s.
    for n in 0..4_000 {
        world.run_for(exponential(&mut draw, 1.01 / 20.0));
        world.request_with(|request| request.tenant = TenantId(n % 3));
    }
    world.run();
    world.assert_nothing_leaked();
    world
}

/// Goodput of each tenant as a share of what it sent, and the longest time in line of the last.
fn goodput(world: &World) -> ([f64; 3], Duration) {
    let share = |tenant| {
        let of = || world.records.iter().filter(move |one| one.tenant == TenantId(tenant));
        let served = of().filter(|one| one.outcome == Outcome::Completed).count();
        served as f64 / of().count() as f64
    };
    let of_last = world.records.iter().filter(|one| one.tenant == TenantId(2));
    let longest = of_last.map(|one| one.queued).max().unwrap_or_default();
    ([0, 1, 2].map(share), longest)
}

#[test]
fn under_twice_the_load_the_top_keeps_its_objective_and_the_least_important_go_first() {
    let (equal, wait) = goodput(&overload(Vec::new()));
    // Nobody is more than another, and everybody waits for a full line.
    assert!(equal.iter().all(|share| (share - 0.5).abs() < 0.05), "{equal:?}");
    assert!(wait > secs(4), "{wait}");
    let world = overload(vec![
        rule(below(5), Threshold::Line(percent(10)), 50),
        rule(below(9), Threshold::Line(percent(25)), 80),
    ]);
    let ([low, middle, top], wait) = goodput(&world);
    assert!(low < middle && middle < top, "{low} {middle} {top}");
    assert!(top > 0.999 && low < 0.1 && middle > 0.4, "{low} {middle} {top}");
    assert!(wait < secs(2), "{wait}");
    // As much is served in all: what is refused is not capacity.
    assert!((low + middle + top - equal.iter().sum::<f64>()).abs() < 0.1);
    let refused = |tenant| {
        let of = world.records.iter().filter(|one| one.tenant == TenantId(tenant));
        of.filter(|one| one.rejection == Some(Rejection::Shed)).count() as u64
    };
    assert_eq!(refused(0) + refused(1), world.status(0).statistics.shed);
}

/// A place kept free for who matters is the guard channel of Hong and Rappaport (1986): arrivals and
/// times of service exponential, c places, no line, and the less important only below g places taken.
/// With a = (l1 + l2) / m below g and l1 / m from g on, p(n) goes as the product of loads over n!.
#[test]
fn a_place_kept_free_loses_as_the_guard_channel_does() {
    const PLACES: u32 = 4;
    const GUARD: u32 = 3;
    let (important, other) = (1.2, 1.8);
    let mut weights = vec![1.0];
    for n in 1..=PLACES {
        let load = if n <= GUARD { important + other } else { important };
        weights.push(weights[n as usize - 1] * load / f64::from(n));
    }
    let all: f64 = weights.iter().sum();
    let expected =
        [weights[GUARD as usize..].iter().sum::<f64>() / all, weights[PLACES as usize] / all];

    let mut config = one_pool(PLACES, 0);
    config.admission.shed = vec![rule(below(5), Threshold::Places(percent(75)), 100)];
    let measured = losses(config, [other, important]);
    for ((mean, error), expected) in measured.into_iter().zip(expected) {
        let off = (mean - expected).abs();
        assert!(off < 4.0 * error, "{mean} +- {error}, the formula says {expected}");
        assert!(error < 0.02 * expected, "too few for a verdict: {error} of {expected}");
    }
}

/// The share of each tenant's requests that is refused at these rates, with its standard error by means
/// of batches.
fn losses(config: PlatformConfig, rates: [f64; 2]) -> [(f64, f64); 2] {
    const BATCHES: usize = 40;
    const IN_BATCH: usize = 4_000;
    let mut world = World::new(config);
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(7);
    let all: f64 = rates.iter().sum();
    let mut means = [Vec::new(), Vec::new()];
    for _ in 0..BATCHES {
        let mut counts = [(0.0, 0.0); 2];
        for _ in 0..IN_BATCH {
            world.run_for(exponential(&mut draw, 1.0 / all));
            let tenant = usize::from(draw.random::<f64>() * all > rates[0]);
            world.script(0, OperationKind::Allocate, [yes_after(Duration::ZERO)]);
            let service = exponential(&mut draw, 1.0);
            world.script(0, OperationKind::Infer, [yes_after(service)]);
            let (refused, offered) = &mut counts[tenant];
            *offered += 1.0;
            *refused += f64::from(u8::from(send(&mut world, tenant as u32).is_some()));
        }
        world.submitted.clear();
        world.records.clear();
        world.responses.clear();
        for (means, (refused, offered)) in means.iter_mut().zip(counts) {
            means.push(refused / offered);
        }
    }
    means.map(|means| {
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let squares: f64 = means.iter().map(|one| (one - mean).powi(2)).sum();
        (mean, (squares / (count - 1.0) / count).sqrt())
    })
}

fn exponential(draw: &mut Xoshiro256PlusPlus, mean: f64) -> Duration {
    Duration::from_secs_f64(-mean * (1.0 - draw.random::<f64>()).ln())
}
