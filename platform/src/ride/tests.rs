use connector::{ClassId, Mebibytes, ModelId, Requirements, TenantId, Tflops};
use proptest::prelude::*;
use slotmap::SlotMap;

use super::*;
use crate::billing::StrikeId;

fn ride() -> Ride {
    let requirements = Requirements { tflops: Tflops::ZERO, vram: Mebibytes::ZERO };
    let Requirements { tflops, vram } = requirements;
    let kind = Kind { model: ModelId(0), tenant: None, tflops, vram, preemptible: false };
    let account = Account {
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        strike: StrikeId(0),
        requirements,
        shelf: None,
        ride: None,
    };
    Ride::new(0, kind, account, Timestamp::MAX)
}

fn share(granted: Timestamp) -> Share {
    Share { allocation: AllocationId(0), granted, used: false }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whoever boards and leaves when: the parts are the whole, and each is what it would be if time
    /// could be divided, but for less than one unit per split.
    #[test]
    fn parts_add_up_to_the_price_of_one_lease_to_the_last_unit(
        price in 1_i128..100_000_000_000,
        begins in 0_u64..1_000_000_000_000,
        moves in proptest::collection::vec((1_u64..5_000_000_000, any::<prop::sample::Index>(), 0_u8..3), 1..60),
    ) {
        let price = Money::from_nanos(price);
        let (mut leases, mut flights) = (SlotMap::with_key(), SlotMap::with_key());
        let mut now = Timestamp::from_nanos(begins);
        let mut ride = ride();
        ride.begin(now, share(now));
        let mut board = |ride: &mut Ride, now| {
            let lease: LeaseKey = leases.insert(());
            ride.board(now, price, lease, flights.insert(()));
            lease
        };
        // Lease, its exact time in parts of a nanosecond, what it has paid.
        let mut riders = vec![(board(&mut ride, now), 0.0_f64, Use::default())];
        let mut gone = Vec::new();
        for (passed, which, what) in moves {
            now = now + Duration::from_nanos(passed);
            let each = passed as f64 / riders.len() as f64;
            for (_, exact, _) in &mut riders {
                *exact += each;
            }
            let index = which.index(riders.len());
            match what {
                0 => riders.push((board(&mut ride, now), 0.0, Use::default())),
                // Pays, and stays.
                1 => pay(&mut ride, now, price, &mut riders[index]),
                _ if riders.len() > 1 => {
                    let mut rider = riders.remove(index);
                    pay(&mut ride, now, price, &mut rider);
                    prop_assert!(!ride.leave(rider.0));
                    gone.push(rider);
                }
                _ => {}
            }
        }
        while let Some(mut rider) = riders.pop() {
            pay(&mut ride, now, price, &mut rider);
            prop_assert_eq!(ride.leave(rider.0), riders.is_empty());
            gone.push(rider);
        }
        let held = now.since(Timestamp::from_nanos(begins));
        prop_assert_eq!(gone.iter().map(|rider| rider.2.time).sum::<Duration>(), held);
        prop_assert_eq!(gone.iter().map(|rider| rider.2.cost).sum::<Money>(), price.per_hour_over(held));
        for (_, exact, paid) in gone {
            // At most 61 splits, and fewer than 61 who sit: what does not divide is less than that each.
            prop_assert!((paid.time.as_nanos() as f64 - exact).abs() < 61.0 * 61.0, "{exact} {paid:?}");
            prop_assert!(paid.cost >= Money::ZERO);
        }
    }
}

fn pay(ride: &mut Ride, now: Timestamp, price: Money, rider: &mut (LeaseKey, f64, Use)) {
    let used = ride.take_use(now, price, rider.0);
    rider.2.time += used.time;
    rider.2.cost += used.cost;
}

#[test]
fn what_does_not_divide_is_the_firsts() {
    let (mut leases, mut flights) = (SlotMap::with_key(), SlotMap::with_key());
    // One nano-unit per nanosecond.
    let price = Money::from_nanos(3_600_000_000_000);
    let mut ride = ride();
    let keys: Vec<LeaseKey> = (0..3).map(|_| leases.insert(())).collect();
    ride.begin(Timestamp::ZERO, share(Timestamp::ZERO));
    for &key in &keys {
        ride.board(Timestamp::ZERO, price, key, flights.insert(()));
    }
    let now = Timestamp::from_nanos(11);
    let used = keys.iter().map(|&key| ride.take_use(now, price, key));
    let used: Vec<(u64, i128)> =
        used.map(|one| (one.time.as_nanos(), one.cost.as_nanos())).collect();
    assert_eq!(used, [(5, 5), (3, 3), (3, 3)]);
}
