//! Whatever is asked of whatever provider, nothing is created and nothing is lost.

use proptest::prelude::*;

use super::*;
use crate::config::{
    CapacityConfig, CommonFailures, FailuresConfig, Isolation, Levels, NeighbourConfig,
    NodeFailures, PagingConfig, QuantumBegins, Reclaim, SharingConfig, Spells, SpotConfig, Supply,
    TurnsConfig,
};

/// A question at a time, about the so manieth share that is held.
#[derive(Clone, Copy, Debug)]
enum Question {
    Allocate { model: u32, gib: u64, priority: u8, preemptible: bool, overcommit: bool },
    Infer { share: usize, prompt: u32, output: u32 },
    CancelLast,
    Release { share: usize },
}

fn question() -> impl Strategy<Value = Question> {
    let allocate = (0..3u32, 1..25u64, 0..10u8, any::<bool>(), any::<bool>());
    prop_oneof![
        3 => allocate.prop_map(|(model, gib, priority, preemptible, overcommit)| {
            Question::Allocate { model, gib, priority, preemptible, overcommit }
        }),
        4 => (0..8usize, 1..4_000u32, 1..200u32)
            .prop_map(|(share, prompt, output)| Question::Infer { share, prompt, output }),
        1 => Just(Question::CancelLast),
        2 => (0..8usize).prop_map(|share| Question::Release { share }),
    ]
}

fn duration(ms: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    ms.prop_map(Duration::from_millis)
}

prop_compose! {
    fn turns()(
        quantum in duration(200..3_000),
        granted: bool,
        switch in duration(0..50),
        level in 0..3u8,
        overlap in prop::option::of(0.0..0.5f64),
        bandwidth in 10e9..100e9f64,
        overlapped: bool,
        idle_after in prop::option::of(duration(0..5_000)),
        host_gib in prop::option::of(0..64u64),
    ) -> SharingConfig {
        SharingConfig::Turns(TurnsConfig {
            quantum,
            quantum_begins: if granted { QuantumBegins::WhenGranted } else { QuantumBegins::WhenReady },
            switch,
            isolation: [Isolation::Low, Isolation::Medium, Isolation::High][usize::from(level)],
            overlap,
            paging: PagingConfig {
                bandwidth,
                overlapped,
                idle_after,
                host_memory: host_gib.map(Mebibytes::from_gib),
            },
        })
    }
}

fn sharing() -> impl Strategy<Value = SharingConfig> {
    prop_oneof![
        4 => turns(),
        1 => (0.0..0.5f64).prop_map(|interference| SharingConfig::Spatial { interference }),
        1 => Just(SharingConfig::Slices),
    ]
}

prop_compose! {
    fn neighbour()(
        busy in prop::option::of(duration(1..4_000)),
        idle in duration(1..4_000),
        gib in 0..24u64,
        guaranteed in 0..40u32,
        vip: bool,
    ) -> NeighbourConfig {
        NeighbourConfig {
            busy: busy.map(Latency::Fixed),
            idle: Latency::Fixed(idle),
            working_set: Mebibytes::from_gib(gib),
            guaranteed: BasisPoints::from_percent(guaranteed),
            vip,
        }
    }
}

prop_compose! {
    /// Things that are there for seconds and away for less than that.
    fn spells()(up in duration(1_000..20_000), down in duration(0..5_000)) -> Spells {
        Spells { up: Latency::Exponential { mean: up }, down: Latency::Exponential { mean: down } }
    }
}

fn supply() -> impl Strategy<Value = Supply> {
    let steps = prop::collection::vec((duration(0..4_000), 0..5u32), 0..8);
    let trace = (steps, 0..5u32, duration(1_000..9_000), any::<bool>(), any::<bool>()).prop_map(
        |(steps, first, rest, repeats, random)| {
            let mut at = Duration::ZERO;
            let later = steps.into_iter().map(|(gap, cards)| {
                at += gap;
                (at, cards)
            });
            let steps: Vec<_> = std::iter::once((Duration::ZERO, first)).chain(later).collect();
            let (length, start) = (at + rest, Duration::ZERO);
            let levels = Levels { steps: steps.into(), length, start, repeats };
            let reclaim = if random { Reclaim::Random } else { Reclaim::Last };
            Supply::Trace { levels, reclaim }
        },
    );
    let shortage = prop::option::weighted(0.3, spells());
    let process =
        (spells(), 1..4u32, 0..100u32, shortage).prop_map(|(spells, group, percent, shortage)| {
            let together = BasisPoints::from_percent(percent);
            Supply::Process { spells, group, together, shortage }
        });
    prop_oneof![trace, process]
}

prop_compose! {
    fn capacity()(
        supply in prop::option::weighted(0.3, supply()),
        grace in duration(0..3_000),
        provisioning in duration(0..2_000),
        card in prop::option::weighted(0.2, spells()),
        node in prop::option::weighted(0.2, (1..4u32, spells())),
        common in prop::option::weighted(0.2, (0..101u32, spells())),
    ) -> CapacityConfig {
        let provisioning = Latency::Fixed(provisioning);
        let failures = FailuresConfig {
            card,
            node: node.map(|(cards, spells)| NodeFailures { cards, spells }),
            common: common.map(|(percent, spells)| {
                CommonFailures { spells, share: BasisPoints::from_percent(percent) }
            }),
        };
        CapacityConfig { spot: supply.map(|supply| SpotConfig { supply, grace, provisioning }), failures }
    }
}

prop_compose! {
    /// Begins within ten seconds, and takes all its time for one lot.
    fn maintenance()(
        at in duration(0..10_000),
        deadline in duration(0..3_000),
        grace in duration(0..1_000),
        rest in duration(1..3_000),
        count in 1..4u32,
        at_a_time in prop::option::of(1..3u32),
    ) -> FaultConfig {
        let lasts = deadline + grace + rest;
        let kind = FaultKind::Maintenance { count, deadline, grace, at_a_time };
        FaultConfig { at, lasts, pool: None, kind }
    }
}

prop_compose! {
    fn provider()(
        count in 1..4u32,
        neighbours in prop::collection::vec(neighbour(), 0..3),
        shares in 1..5u32,
        sharing in sharing(),
        guaranteed in 0..30u32,
        vip: bool,
        grace in prop::option::of(duration(0..500)),
        instant: bool,
        lost in prop::option::of((0..10_000u64, 1..5_000u64, 1..3u32)),
        outage in prop::option::of((0..10_000u64, 1..5_000u64)),
        capacity in capacity(),
        maintenance in prop::collection::vec(maintenance(), 0..3),
    ) -> ProviderConfig {
        let mut config = one_pool();
        let pool = &mut config.pools[0];
        pool.count = count;
        pool.sharing_ratio = shares + neighbours.len() as u32;
        (pool.sharing, pool.neighbours, pool.vip) = (sharing, neighbours, vip);
        pool.guaranteed_share = BasisPoints::from_percent(guaranteed);
        pool.preemption_grace = grace;
        pool.weight_load_bandwidth = (!instant).then_some(8e9);
        pool.serving.max_sequences = 4;
        pool.serving.kv_cache = KvCache::Tokens(5_000);
        config.models = [2e9, 9e9, 16e9]
            .map(|weight_bytes| {
                let base = Duration::from_millis(3);
                let timing = LinearTiming { base, weight_bytes, ..LinearTiming::default() };
                ModelConfig { name: format!("{weight_bytes}"), timing: Timing::Linear(timing) }
            })
            .into();
        let ms = Duration::from_millis;
        let fault = |at, lasts, kind| FaultConfig { at: ms(at), lasts: ms(lasts), pool: None, kind };
        config.faults.extend(lost.map(|(at, lasts, count)| {
            fault(at, lasts, FaultKind::GpuLoss { count })
        }));
        config.pools[0].capacity = capacity;
        config.faults.extend(maintenance);
        config.faults.extend(outage.map(|(at, lasts)| fault(at, lasts, FaultKind::Outage)));
        config
    }
}

/// The caller's side: what it holds and waits for, and the integrals it would expect.
struct Books {
    world: World,
    held: Vec<AllocationId>,
    waiting: std::collections::BTreeMap<u64, Question>,
    last: Option<PoolGauge>,
}

impl Books {
    fn ask(&mut self, question: Question) {
        let held =
            |share: usize| (!self.held.is_empty()).then(|| self.held[share % self.held.len()]);
        let operation = match question {
            Question::Allocate { model, gib, priority, preemptible, overcommit } => {
                Some(Operation::Allocate(Allocate {
                    model: ModelId(model),
                    requirements: need(gib),
                    overcommit,
                    preemptible,
                    priority: Priority::new(priority).expect("below 10"),
                    ..ask()
                }))
            }
            Question::Infer { share, prompt, output } => held(share).map(|allocation| {
                Operation::Infer(Infer {
                    allocation,
                    prompt: Prompt::of_length(Tokens::new(prompt)),
                    max_tokens: Tokens::new(output),
                    temperature: Temperature::default(),
                    stream: false,
                })
            }),
            Question::CancelLast => {
                Some(Operation::Cancel { inference: Ticket(self.world.tickets) })
            }
            Question::Release { share } => {
                held(share).map(|allocation| Operation::Release { allocation })
            }
        };
        if let Some(operation) = operation {
            let ticket = self.world.submit(operation);
            self.waiting.insert(ticket.0, question);
        }
    }

    /// Lets time pass until `end`, or until nothing is on the way.
    fn pass(&mut self, end: Timestamp) {
        while !self.waiting.is_empty() || self.world.now < end {
            if let Some(event) = self.world.simulator.poll(self.world.now) {
                self.note(event.kind);
                continue;
            }
            match self.world.simulator.deadline() {
                Some(next) if next <= end => self.world.now = next.max(self.world.now),
                _ => break,
            }
        }
        self.world.now = self.world.now.max(end);
        while let Some(event) = self.world.simulator.poll(self.world.now) {
            self.note(event.kind);
        }
        self.balance();
    }

    fn note(&mut self, event: EventKind) {
        let EventKind::Completed { ticket, result } = event else { return };
        assert!(self.waiting.remove(&ticket.0).is_some(), "answered twice: {ticket:?}");
        if let Ok(Reply::Granted { allocation }) = result {
            self.held.push(allocation);
        }
    }

    /// What is promised is there to be promised, and time is neither made nor lost.
    fn balance(&mut self) {
        let config = self.world.simulator.config.pools[0].clone();
        let gauge = self.world.gauge();
        let most = u64::from(config.sharing_ratio);
        assert!(gauge.slots_held <= config.count * config.open_slots());
        assert!(gauge.slots_held as usize == self.world.simulator.held());
        assert!(gauge.vram_promised.get() <= config.vram().get() * u64::from(config.count) * most);
        assert!(gauge.busy_card_ns + gauge.changing_card_ns <= wall(&config, self.world.now));
        assert!(gauge.card_ns <= wall(&config, self.world.now));
        assert!(gauge.cards <= config.count);
        for card in &mut self.world.simulator.pools[0].cards {
            if let Some((spent, _)) = card.sharing.spent(self.world.now) {
                let all = spent.computing + spent.changing + spent.free;
                assert_eq!(all, self.world.now.since(Timestamp::ZERO), "time on the card");
            }
        }
        if let Some(last) = self.last.replace(gauge) {
            assert!(gauge.busy_card_ns >= last.busy_card_ns && gauge.card_ns >= last.card_ns);
            assert!(gauge.held_slot_ns >= last.held_slot_ns);
        }
    }
}

fn wall(config: &PoolConfig, now: Timestamp) -> u128 {
    u128::from(now.as_nanos()) * u128::from(config.count)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn nothing_is_created_and_nothing_is_lost(
        config in provider(),
        questions in prop::collection::vec((0..1_500u64, question()), 1..30),
    ) {
        let neighbours: u32 = config.pools[0].neighbours.iter().map(|n| n.guaranteed.get()).sum();
        prop_assume!(neighbours + config.pools[0].guaranteed_share.get() <= 10_000);
        let mut books = Books {
            world: World::new(config),
            held: Vec::new(),
            waiting: std::collections::BTreeMap::new(),
            last: None,
        };
        for (wait, question) in questions {
            books.ask(question);
            let until = books.world.now + Duration::from_millis(wait);
            books.pass(until);
        }
        // Outages end, everything asked is answered, and what is given back is free.
        let end = books.world.now + Duration::from_secs(3_600);
        books.pass(end);
        prop_assert!(books.waiting.is_empty(), "never answered: {:?}", books.waiting);
        for allocation in std::mem::take(&mut books.held) {
            books.world.submit(Operation::Release { allocation });
            books.waiting.insert(books.world.tickets, Question::CancelLast);
        }
        let end = books.world.now + Duration::from_secs(60);
        books.pass(end);
        prop_assert_eq!(books.world.simulator.held(), 0);
        let gauge = books.world.gauge();
        prop_assert_eq!((gauge.slots_held, gauge.running, gauge.waiting), (0, 0, 0));
        prop_assert_eq!((gauge.vram_promised, gauge.tflops_promised), (Mebibytes::ZERO, Tflops::ZERO));
    }
}
