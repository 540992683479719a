//! What the API shows of sharing: section 2.5 of the notes on HostedAI's scheduler, and P1 and M9.

use connector::{AllocationInfo, PoolInfo, ShareUsages, UsageWindow};

use super::*;
use crate::config::{SharingConfig, TurnsConfig};

/// One card in turns of ten seconds, for two models whose every step takes 10 ms.
fn telling() -> ProviderConfig {
    let mut config = one_pool();
    let pool = &mut config.pools[0];
    (pool.count, pool.sharing_ratio) = (1, 4);
    let quantum = Duration::from_secs(10);
    pool.sharing = SharingConfig::Turns(TurnsConfig { quantum, ..TurnsConfig::default() });
    config.models = ["a", "b"]
        .map(|name| ModelConfig { name: name.to_owned(), ..config.models[0].clone() })
        .into();
    config.regions[0].control_plane.usage_windows = true;
    config
}

fn of_model(model: u32) -> Allocate {
    Allocate { model: ModelId(model), ..ask() }
}

impl World {
    pub(super) fn inspect(&mut self, allocation: AllocationId) -> AllocationInfo {
        let asked = self.submit(Operation::Inspect { allocation });
        loop {
            if let (_, EventKind::Completed { ticket, result }) = self.wait()
                && ticket == asked
            {
                let Ok(Reply::Inspected(info)) = result else { panic!("{result:?}") };
                return info;
            }
        }
    }

    fn usages(&mut self, allocation: AllocationId) -> ShareUsages {
        *self.inspect(allocation).usage.expect("the region tells")
    }

    fn offer(&mut self) -> PoolInfo {
        self.submit(Operation::Pools);
        match self.completion().1 {
            Ok(Reply::Pools(mut pools)) => pools.pop().expect("one pool"),
            other => panic!("expected pools, got {other:?}"),
        }
    }

    /// TFLOPS that the share used over the last five minutes, and the card's.
    fn part(&mut self, allocation: AllocationId) -> f64 {
        let card = self.simulator.config.pools[0].tflops().as_gflops() as f64;
        self.usages(allocation)[0].tflops.as_gflops() as f64 / card
    }
}

#[test]
fn v1_a_share_tells_what_it_used_over_each_of_six_windows() {
    let mut world = World::new(telling());
    let share = world.grant(of_model(0));
    world.run_until(3_600_000);
    // A minute of work, after an hour of rest.
    world.infer(share, 6_000);
    world.run_until(3_600_000 + 200_000);
    let usages = world.usages(share);
    let card = world.simulator.config.pools[0].tflops().as_gflops() as f64;
    let seconds = |window: UsageWindow, length: f64| {
        let used = usages[window as usize].tflops.as_gflops() as f64 / card * length;
        assert!((used - 60.0).abs() < 0.005 * length, "{window:?}: {used} s");
    };
    seconds(UsageWindow::Last5Minutes, 300.0);
    seconds(UsageWindow::Last15Minutes, 900.0);
    seconds(UsageWindow::LastHour, 3_600.0);
    for window in [UsageWindow::LastDay, UsageWindow::LastWeek, UsageWindow::AllTime] {
        seconds(window, 3_800.0);
    }
}

#[test]
fn v2_the_compute_of_all_tenants_never_exceeds_the_card() {
    let mut world = World::new(telling());
    let shares = [0, 1, 1].map(|model| world.grant(of_model(model)));
    for share in shares {
        world.infer(share, 30_000);
    }
    for minute in 1..5 {
        world.run_until(minute * 60_000);
        let parts = shares.map(|share| world.part(share));
        let sum: f64 = parts.iter().sum();
        assert!(sum <= 1.0, "{parts:?}");
        assert!(sum > 0.97, "somebody always computes: {parts:?}");
    }
}

#[test]
fn v4_a_share_that_does_nothing_keeps_its_slot_and_is_charged() {
    let mut world = World::new(telling());
    let share = world.grant(of_model(0));
    world.run_until(86_400_000);
    assert_eq!(world.inspect(share).running, Some(0));
    assert_eq!(world.gauge().slots_held, 1);
    assert!(world.usage().slot_ns >= 86_400 * 1_000_000_000);
    assert_eq!(world.usages(share)[0].tflops, Tflops::ZERO);
}

#[test]
fn v5_every_tenant_sees_the_whole_card() {
    let mut world = World::new(telling());
    let whole = world.simulator.config.pools[0].vram();
    for model in [0, 1, 1] {
        world.grant(of_model(model));
        assert_eq!(world.offer().card_vram, whole, "however many share it");
    }
}

/// Whoever adds such a field has to think of this.
#[test]
fn v6_nothing_tells_how_long_one_waits_or_for_whom() {
    let mut world = World::new(telling());
    let share = world.grant(of_model(0));
    let AllocationInfo { allocation: _, pool: _, model: _, requirements: _, running: _, usage: _ } =
        world.inspect(share);
    let PoolInfo {
        pool: _,
        name: _,
        kind: _,
        free_slots: _,
        card_vram: _,
        price_per_slot_hour: _,
        security_level: _,
    } = world.offer();
}

#[test]
fn p1_the_security_level_is_reported_back() {
    assert_eq!(World::new(telling()).offer().security_level, Some(SecurityLevel::Low));
    for level in SecurityLevel::ALL {
        let mut config = telling();
        let turns = TurnsConfig { isolation: level, ..TurnsConfig::default() };
        config.pools[0].sharing = SharingConfig::Turns(turns);
        assert_eq!(World::new(config).offer().security_level, Some(level));
    }
    assert_eq!(SecurityLevel::ALL.map(SecurityLevel::name), ["low", "medium", "high"]);
}

/// Two working sets of 15 GB, of which only one fits on the card.
#[test]
fn m9_memory_counts_what_is_in_use_on_the_card_or_paged_out() {
    let mut config = telling();
    for model in &mut config.models {
        let Timing::Linear(linear) = &mut model.timing else { panic!("linear") };
        linear.weight_bytes = 15e9;
    }
    let mut world = World::new(config);
    let shares = [0, 1].map(|model| world.grant(of_model(model)));
    for share in shares {
        world.infer(share, 30_000);
    }
    world.run_until(100_000);
    assert!(world.gauge().paged_bytes > 0);
    let mib = 15e9 / 1_048_576.0;
    for share in shares {
        let vram = world.usages(share)[0].vram.get() as f64;
        assert!((0.99 * mib..1.02 * mib).contains(&vram), "{vram} MiB and not {mib}");
    }
}

#[test]
fn where_usage_is_reported_as_zero_windows_are_too() {
    let mut config = telling();
    config.regions[0].control_plane.quirks.zero_usage = true;
    let mut world = World::new(config);
    let share = world.grant(of_model(0));
    world.infer(share, 1_000);
    world.run_until(20_000);
    assert_eq!(world.usages(share), ShareUsages::default());
    world = World::new(ProviderConfig { regions: one_pool().regions, ..telling() });
    let share = world.grant(of_model(0));
    assert_eq!(world.inspect(share).usage, None, "not told by default");
}
