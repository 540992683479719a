//! What a list of the provider's can do to our books.

use connector::{AllocationId, CableId, OperationKind};
use platform::{billing::UseKind, config::LeaseConfig};

use crate::{
    setting::{pools, secs},
    world::{DOWN, World, no},
};

/// A share lies warm for a minute while the provider's lists are empty, or fail.
fn idle_time(lists: impl FnOnce(&mut World)) -> (Vec<(UseKind, u128)>, usize) {
    let mut config = pools(1);
    let (idle, sweep) = (secs(60), Some(secs(10)));
    config.leases = LeaseConfig { idle, sweep, ..LeaseConfig::default() };
    let mut world = World::new(config);
    world.request();
    world.run_for(secs(5));
    let share = world.held.iter().next().copied().expect("a warm share");
    lists(&mut world);
    world.run_for(secs(50));
    let asked = world.asked(0, OperationKind::List).len();
    world.held.insert(share);
    world.run();
    world.drain();
    world.run();
    (world.usage.iter().map(|record| (record.kind, record.meters.slot_ns)).collect(), asked)
}

#[test]
fn p33_a_list_without_our_share_ends_nothing_in_our_books() {
    let (undisturbed, _) = idle_time(|_| ());
    let kinds: Vec<_> = undisturbed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [UseKind::Delivered, UseKind::Idle]);
    let (emptied, asked) = idle_time(|world| {
        world.held.remove(&(CableId(0), AllocationId(0)));
        assert!(world.held.is_empty(), "{:?}", world.held);
    });
    assert!(asked >= 2, "{asked} lists, all of them empty");
    assert_eq!(emptied, undisturbed, "to the nanosecond");
    let (failing, asked) = idle_time(|world| world.script(0, OperationKind::List, [no(DOWN); 100]));
    assert!(asked >= 2, "{asked} lists, all of them in vain");
    assert_eq!(failing, undisturbed);
}
