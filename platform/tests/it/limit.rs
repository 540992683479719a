//! The adaptive limit on its cable.

use connector::{ErrorKind, OperationKind};
use platform::config::LimitConfig;

use crate::{
    setting::{ms, one_pool, secs},
    world::{World, no, yes_after},
};

fn limited(places: u32) -> World {
    let mut config = one_pool(places, 1_000);
    config.cables[0].limit = Some(LimitConfig::default());
    config.retry.max_retries = 0;
    World::new(config)
}

#[test]
fn a_pool_gets_its_least_until_it_was_looked_at_and_more_as_it_bears_it() {
    let mut world = limited(200);
    (0..400).for_each(|_| _ = world.request());
    assert_eq!((world.status(0).in_flight, world.status(0).limit), (4, Some(4)));
    world.run_for(secs(3));
    assert_eq!((world.status(0).in_flight, world.status(0).limit), (20, Some(20)));
    world.run_for(secs(9));
    let limit = world.status(0).limit.expect("a limit");
    assert!(limit > 25, "{limit}: nothing speaks against more");
    assert_eq!(world.status(0).in_flight, limit);
    world.run();
    assert_eq!(world.records.len(), 400);
}

#[test]
fn it_never_gets_more_than_its_places() {
    // The least limit is 4 by default.
    for places in [2, 6] {
        let mut world = limited(places);
        (0..100).for_each(|_| _ = world.request());
        while world.step(connector::Timestamp::MAX) {
            assert!(world.status(0).in_flight <= places);
        }
        assert_eq!((world.records.len(), world.status(0).limit), (100, Some(places)));
    }
}

#[test]
fn a_pool_that_refuses_for_lack_of_room_gets_less() {
    let mut world = limited(200);
    (0..200).for_each(|_| _ = world.request());
    world.run_for(secs(3));
    assert_eq!(world.status(0).limit, Some(20));
    world.script(0, OperationKind::Allocate, [no(ErrorKind::CapacityExhausted); 15]);
    world.run_for(ms(1_500));
    assert!(world.status(0).limit < Some(20), "{:?}", world.status(0).limit);
}

#[test]
fn a_pool_that_takes_longer_per_token_than_when_it_was_idle_gets_less() {
    let mut world = limited(200);
    (0..1_000).for_each(|_| _ = world.request());
    world.run_for(secs(3));
    world.script(0, OperationKind::Infer, [yes_after(ms(4_000)); 100]);
    world.run_for(secs(20));
    assert!(world.status(0).limit < Some(15), "{:?}", world.status(0).limit);
}
