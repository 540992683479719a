//! The rules of admission that the notes on HostedAI's scheduler number, section 2.1.

use super::*;

fn of_tenant(tenant: u32) -> Allocate {
    Allocate { tenant: TenantId(tenant), ..ask() }
}

fn slow_release(seconds: u64) -> Quirks {
    let time = Latency::Fixed(Duration::from_secs(seconds));
    Quirks { slow_release: Some(time), ..Quirks::default() }
}

#[test]
fn a1_a_pool_offers_cards_times_ratio_slots_and_each_share_takes_one_until_it_is_gone() {
    let mut world = World::new(one_pool());
    assert_eq!((world.gauge().cards, world.gauge().slots), (2, 4));
    let mut shares = Vec::new();
    for held in 1..=4 {
        shares.push(world.grant(ask()));
        assert_eq!(world.gauge().slots_held, held);
    }
    for (share, left) in shares.into_iter().zip([3, 2, 1, 0]) {
        world.release(share);
        assert_eq!(world.gauge().slots_held, left);
    }
}

#[test]
fn a2_a_share_that_is_being_released_still_holds_its_slot() {
    let mut world = World::new(with_quirks(slow_release(60)));
    let shares: Vec<_> = (0..4).map(|_| world.grant(ask())).collect();
    world.release(shares[0]);
    assert_eq!(world.gauge().slots_held, 4);
    assert_eq!(world.refusal(Operation::Allocate(ask())), ErrorKind::CapacityExhausted);
    world.run_until(61_000);
    assert_eq!(world.gauge().slots_held, 3);
    world.grant(ask());
}

#[test]
fn a3_a_full_pool_refuses_and_never_queues() {
    let mut world = World::new(one_pool());
    let shares: Vec<_> = (0..4).map(|_| world.grant(ask())).collect();
    let asked = world.ms();
    world.submit(Operation::Allocate(ask()));
    let (at, refused) = world.completion();
    assert_eq!(refused.expect_err("full").kind, ErrorKind::CapacityExhausted);
    assert_eq!(at - asked, 40, "as fast as any other answer");
    world.release(shares[0]);
    world.run_until(60_000);
    assert_eq!(world.gauge().slots_held, 3, "nobody was waiting for it");
}

#[test]
fn a4_a_second_share_of_a_tenant_is_a_conflict_while_the_first_is_being_released_too() {
    let quirks = Quirks { already_subscribed: true, ..slow_release(60) };
    let mut world = World::new(with_quirks(quirks));
    let first = world.grant(of_tenant(1));
    world.grant(of_tenant(2));
    assert_eq!(world.refusal(Operation::Allocate(of_tenant(1))), ErrorKind::Conflict);
    world.release(first);
    assert_eq!(world.refusal(Operation::Allocate(of_tenant(1))), ErrorKind::Conflict);
    world.run_until(61_000);
    world.grant(of_tenant(1));
}

#[test]
fn a8_a_policy_refusal_is_another_error_than_a_full_pool() {
    let mut config = one_pool();
    config.regions[0].control_plane.no_access = vec![TenantId(7)];
    let mut world = World::new(config);
    assert_eq!(world.refusal(Operation::Allocate(of_tenant(7))), ErrorKind::PolicyRefused);
    for tenant in 0..4 {
        world.grant(of_tenant(tenant));
    }
    assert_eq!(world.refusal(Operation::Allocate(of_tenant(7))), ErrorKind::PolicyRefused);
    assert_eq!(world.refusal(Operation::Allocate(of_tenant(1))), ErrorKind::CapacityExhausted);
}
