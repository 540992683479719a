//! What every attempt leaves in the books.

use connector::{ErrorKind, OperationKind, TenantId};
use platform::{
    PlatformConfig,
    billing::{LeaseRecord, Origin, UsageRecord, UseKind},
    config::{Abandon, HedgeAfter, HedgeMeasure, HedgingConfig, LeaseConfig, MidStream},
};

use crate::{
    setting::{at, ms, one_pool, pools, secs},
    world::{Answer, LOST, Says, World, done_but_says, no, yes_after},
};

fn told(world: &World) -> Vec<(UseKind, u64)> {
    world.usage.iter().map(|record| (record.kind, millis(record))).collect()
}

fn millis(record: &UsageRecord) -> u64 {
    (record.meters.slot_ns / 1_000_000) as u64
}

fn settled(config: PlatformConfig, play: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(config);
    play(&mut world);
    world.run();
    world.drain();
    world.run();
    world
}

#[test]
fn an_answered_request_leaves_one_record_of_all_that_it_used() {
    let world = settled(one_pool(1, 4), |world| {
        world.request();
        world.request_with(|request| request.tenant = TenantId(1));
    });
    assert_eq!(told(&world), [(UseKind::Delivered, 1_000); 2]);
    let second = &world.usage[1];
    assert_eq!((second.from, second.until), (at(ms(1_020)), at(ms(2_020))));
    assert_eq!(
        (second.tenant, second.class, second.pool.0, second.strike.0),
        (TenantId(1), world.records[1].class, 0, 1)
    );
    let meters = second.meters;
    assert_eq!((meters.input_tokens, meters.output_tokens, meters.requests), (100, 50, 1));
    assert_eq!(meters.flop, 5_000 * 1_000_000_000, "5 TFLOPS for a second");
    assert_eq!(meters.mebibyte_ns, 2_048 * 1_000_000_000);
    assert_eq!((meters.queue_ns, meters.cold_start_ns), (1_010_000_000, 10_000_000));
}

#[test]
fn a_failed_strike_and_the_one_after_it_have_a_record_each() {
    let world = settled(pools(1), |world| {
        world.script(0, OperationKind::Infer, [no(LOST)]);
        world.request();
    });
    assert_eq!(told(&world), [(UseKind::Retried, 10), (UseKind::Delivered, 1_000)]);
    assert_eq!(world.usage[0].meters.requests + world.usage[1].meters.requests, 1);
}

#[test]
fn a_strike_that_never_got_a_share_has_a_record_without_time() {
    let world = settled(pools(2), |world| {
        world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted)]);
        world.request();
    });
    let [refused, served] = &world.usage[..] else { panic!("{:?}", world.usage) };
    assert_eq!((refused.kind, refused.meters.slot_ns), (UseKind::Retried, 0));
    assert_eq!(refused.meters.cold_start_ns, 10_000_000);
    assert_eq!(served.kind, UseKind::Delivered);
}

#[test]
fn who_leaves_in_the_middle_of_the_stream_is_metered_until_then() {
    let world = settled(pools(1), |world| {
        let request = world.request();
        world.run_for(ms(610));
        world.cancel(request);
    });
    assert_eq!(told(&world), [(UseKind::Disconnected, 600)]);
    assert_eq!(world.usage[0].meters.input_tokens, 100, "its first token had come");
    assert_eq!(world.usage[0].meters.requests, 0);
}

#[test]
fn what_runs_on_for_nobody_has_a_record_of_its_own() {
    let mut config = pools(1);
    config.timeouts.abandon = Abandon::Leave;
    let world = settled(config, |world| {
        let request = world.request();
        world.run_for(ms(610));
        world.cancel(request);
    });
    assert_eq!(told(&world), [(UseKind::Disconnected, 600), (UseKind::Disconnected, 400)]);
    assert_eq!(world.usage[0].strike, world.usage[1].strike);
    assert_ne!(world.usage[0].key, world.usage[1].key);
}

#[test]
fn a_grant_that_comes_too_late_is_nobodys_and_known_as_such() {
    let mut config = pools(1);
    config.timeouts.allocation = secs(2);
    let world = settled(config, |world| {
        world.script(0, OperationKind::Allocate, [yes_after(secs(5))]);
        world.request();
    });
    assert_eq!(told(&world), [(UseKind::Retried, 0), (UseKind::Delivered, 1_000)]);
    let origins = world.leases.iter().map(|lease| (lease.origin, lease.known == lease.given_back));
    let mut origins: Vec<_> = origins.collect();
    origins.sort_unstable();
    assert_eq!(origins, [(Origin::Granted, false), (Origin::Late, true)]);
}

#[test]
fn a_ghost_is_in_the_books_from_when_it_is_found() {
    let world = settled(pools(1), |world| {
        world.script(0, OperationKind::Allocate, [done_but_says(ErrorKind::Timeout)]);
        world.request();
    });
    let ghost = world.leases.iter().find(|lease| lease.origin == Origin::Found);
    let &LeaseRecord { known, booked, given_back, .. } = ghost.expect("it was found");
    assert_eq!((known, booked), (given_back, given_back), "and given back at once");
}

#[test]
fn a_warm_share_is_somebodys_at_work_and_idle_in_between() {
    let mut config = pools(1);
    config.leases = LeaseConfig { idle: secs(10), ..LeaseConfig::default() };
    let world = settled(config, |world| {
        for pause in [1_500, 3_000, 1_000] {
            world.request();
            world.run_for(ms(pause));
        }
    });
    let expected = [
        (UseKind::Delivered, 1_000),
        (UseKind::Idle, 490),
        (UseKind::Delivered, 1_000),
        (UseKind::Idle, 2_000),
        (UseKind::Delivered, 1_000),
        (UseKind::Idle, 10_000),
    ];
    assert_eq!(told(&world), expected);
    let [lease] = world.leases[..] else { panic!("one share: {:?}", world.leases) };
    assert_eq!((lease.known, lease.given_back), (at(ms(10)), at(ms(15_500))));
    for pair in world.usage.windows(2) {
        assert_eq!(pair[0].until, pair[1].from, "without gap or overlap");
    }
}

#[test]
fn the_slower_of_two_strikes_is_a_hedge_whichever_it_was() {
    let mut config = pools(2);
    let after = HedgeAfter::Fixed(ms(500));
    config.hedging =
        Some(HedgingConfig { after, measure: HedgeMeasure::EndToEnd, same_pool: false });
    let world = settled(config, |world| {
        world.script(0, OperationKind::Infer, [yes_after(secs(30))]);
        world.request();
    });
    assert_eq!(told(&world), [(UseKind::Hedged, 1_500), (UseKind::Delivered, 1_000)]);
}

#[test]
fn a_share_that_is_taken_away_is_metered_as_such() {
    let world = settled(pools(2), |world| {
        world.script(0, OperationKind::Infer, [Answer { after: ms(300), says: Says::Preempts }]);
        world.request();
    });
    assert_eq!(told(&world), [(UseKind::Preempted, 300), (UseKind::Delivered, 1_000)]);
}

#[test]
fn a_resumed_answer_is_delivered_whole_and_once() {
    let mut config = pools(1);
    config.retry.mid_stream = MidStream::Resume;
    let world = settled(config, |world| {
        world.script(0, OperationKind::Infer, [Answer { after: ms(500), says: Says::No(LOST) }]);
        world.request();
        world.run_for(ms(410));
        let ticket = world.operations(OperationKind::Infer)[0].ticket;
        let tokens = connector::Tokens::new(20);
        world.deliver(0, connector::EventKind::Progress { ticket, tokens, text: None });
    });
    let tokens =
        world.usage.iter().map(|one| (one.kind, one.meters.input_tokens, one.meters.output_tokens));
    let expected = [(UseKind::Retried, 100, 20), (UseKind::Delivered, 100, 50)];
    assert_eq!(tokens.collect::<Vec<_>>(), expected);
    assert_eq!(world.platform.meters()[0].output_tokens, 50);
}
