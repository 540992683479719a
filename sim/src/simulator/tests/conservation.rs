//! Whatever is asked of whatever provider, nothing is created and nothing is lost.

use proptest::prelude::*;

use super::*;
use crate::config::{
    AutoscaleConfig, Behaviour, CapacityConfig, Change, CommonFailures, FailuresConfig, HostFull,
    KeptProgress, Levels, ModelShape, Most, NeighbourConfig, NodeFailures, PagingConfig,
    QuantumBegins, Reclaim, RequeueConfig, Schedule, SharingConfig, Spells, SpotConfig, Supply,
    Target, TurnsConfig, VictimRule,
};
use crate::serving::Engine;

/// A question at a time, about the so manieth share that is held.
#[derive(Clone, Copy, Debug)]
enum Question {
    Allocate {
        model: u32,
        gib: u64,
        tflops: u64,
        priority: u8,
        preemptible: bool,
        overcommit: bool,
    },
    Infer {
        share: usize,
        prompt: u32,
        output: u32,
    },
    CancelLast,
    Release {
        share: usize,
    },
}

fn question() -> impl Strategy<Value = Question> {
    let allocate = (0..3u32, 1..25u64, 0..150u64, 0..10u8, any::<bool>(), any::<bool>());
    prop_oneof![
        3 => allocate.prop_map(|(model, gib, tflops, priority, preemptible, overcommit)| {
            Question::Allocate { model, gib, tflops, priority, preemptible, overcommit }
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
        kills: bool,
    ) -> SharingConfig {
        SharingConfig::Turns(TurnsConfig {
            quantum,
            quantum_begins: if granted { QuantumBegins::WhenGranted } else { QuantumBegins::WhenReady },
            switch,
            isolation: SecurityLevel::ALL[usize::from(level)],
            overlap,
            paging: PagingConfig {
                bandwidth,
                overlapped,
                idle_after,
                host_memory: host_gib.map(Mebibytes::from_gib),
                host_full: if kills { HostFull::Kill } else { HostFull::Refuse },
            },
        })
    }
}

fn sharing() -> impl Strategy<Value = SharingConfig> {
    prop_oneof![
        4 => turns(),
        1 => (0.0..0.5f64, any::<bool>()).prop_map(|(interference, by_compute)| {
            SharingConfig::Spatial { interference, by_compute }
        }),
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

fn progress() -> impl Strategy<Value = KeptProgress> {
    let bandwidth = prop_oneof![1 => Just(None), 3 => (1e6..1e9f64).prop_map(Some)];
    prop_oneof![
        Just(KeptProgress::Recompute),
        bandwidth.prop_map(|bandwidth| KeptProgress::Checkpoint { bandwidth }),
    ]
}

fn requeue() -> impl Strategy<Value = RequeueConfig> {
    let waits = (duration(0..5_000), 0..5u32, progress());
    waits.prop_map(|(max_wait, max_waiting, progress)| RequeueConfig {
        max_wait,
        max_waiting,
        progress,
    })
}

prop_compose! {
    fn preemption()(
        grace in duration(0..500),
        victim in 0..VictimRule::ALL.len(),
        requeue in prop::option::weighted(0.7, requeue()),
    ) -> PreemptionConfig {
        PreemptionConfig { grace, victim: VictimRule::ALL[victim], requeue }
    }
}

/// Two thousand parameters, and many bytes of keys and values per token.
fn shape() -> ModelShape {
    ModelShape {
        parameters: 8e9,
        active_parameters: 1e9,
        vocabulary: 0,
        tied_embeddings: false,
        weight_bits: 16,
        kv_bits: 16,
        layers: 8,
        heads: 8,
        kv_heads: 8,
        head_dim: 64,
        hidden: 512,
    }
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let change = prop_oneof![
        (0..3u32).prop_map(Change::Cards),
        (0..150u32).prop_map(|percent| Change::Share(BasisPoints::from_percent(percent))),
    ];
    let most = (change, 1..60u64);
    let most = most.prop_map(|(change, per)| Most { change, per: Duration::from_secs(per) });
    (duration(0..60_000), prop::collection::vec(most, 1..3))
        .prop_map(|(window, most)| Behaviour { window, most })
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (1..100u32).prop_map(|of| Target::GpuUtilization(BasisPoints::from_percent(of))),
        (1..100u32).prop_map(|of| Target::SlotUtilization(BasisPoints::from_percent(of))),
        (1..4u32).prop_map(Target::Waiting),
        (1..4u32).prop_map(Target::Concurrency),
    ]
}

prop_compose! {
    /// For at most so many cards.
    fn autoscale(count: u32)(
        bounds in (0..=count, 1..=count, 0..=count),
        targets in prop::collection::vec(target(), 0..3),
        interval in duration(1_000..20_000),
        behaviours in (behaviour(), behaviour()),
        provisioning in prop_oneof![
            duration(0..20_000).prop_map(Latency::Fixed),
            duration(1..20_000).prop_map(|mean| Latency::Exponential { mean }),
        ],
        points in prop::collection::btree_map(duration(0..30_000), 0..=count, 0..3),
        scheduled: bool,
        warm in 0..=count,
        preload in prop::collection::vec((0..3u32).prop_map(ModelId), 0..3),
        idle_to_zero in prop::option::of(duration(0..30_000)),
    ) -> AutoscaleConfig {
        let (min, max) = (bounds.0.min(bounds.1), bounds.1);
        let points = points.into_iter().map(|(at, cards)| (at, cards.min(max))).collect();
        AutoscaleConfig {
            min,
            max,
            start: bounds.2.clamp(min, max),
            targets,
            interval,
            tolerance: BasisPoints::from_percent(10),
            scale_out: behaviours.0,
            scale_in: behaviours.1,
            provisioning,
            schedule: scheduled.then(|| Schedule { period: Duration::from_secs(30), points }),
            warm,
            preload,
            idle_to_zero,
            price_per_card_hour: None,
        }
    }
}

fn cards() -> impl Strategy<Value = (u32, Option<AutoscaleConfig>)> {
    (1..5u32).prop_flat_map(|count| (Just(count), prop::option::of(autoscale(count))))
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
    fn quirks()(
        ghosts in 0..40u32,
        empty in 0..40u32,
        already_subscribed: bool,
        foreign_rows in 0..3u32,
        behind in duration(0..5_000),
        slow_release in prop::option::of(duration(0..5_000)),
        policy_500: bool,
    ) -> Quirks {
        Quirks {
            ghosts: BasisPoints::from_percent(ghosts),
            empty_200: BasisPoints::from_percent(empty),
            already_subscribed,
            foreign_rows,
            eventual_lists: behind,
            slow_release: slow_release.map(Latency::Fixed),
            policy_500,
            zero_usage: false,
        }
    }
}

prop_compose! {
    fn provider()(
        (count, autoscale) in cards(),
        neighbours in prop::collection::vec(neighbour(), 0..3),
        shares in 1..5u32,
        sharing in sharing(),
        guaranteed in 0..30u32,
        vip: bool,
        preemption in prop::option::weighted(0.8, preemption()),
        instant: bool,
        lost in prop::option::of((0..10_000u64, 1..5_000u64, 1..3u32)),
        outage in prop::option::of((0..10_000u64, 1..5_000u64)),
        capacity in capacity(),
        maintenance in prop::collection::vec(maintenance(), 0..3),
        quirks in prop::option::of(quirks()),
    ) -> ProviderConfig {
        let mut config = one_pool();
        config.regions[0].control_plane.quirks = quirks.unwrap_or_default();
        let pool = &mut config.pools[0];
        (pool.count, pool.autoscale) = (count, autoscale);
        pool.sharing_ratio = shares + neighbours.len() as u32;
        (pool.sharing, pool.neighbours, pool.vip) = (sharing, neighbours, vip);
        pool.guaranteed_share = BasisPoints::from_percent(guaranteed);
        pool.preemption = preemption;
        pool.weight_load_bandwidth = (!instant).then_some(8e9);
        pool.serving.max_sequences = 4;
        pool.serving.kv_cache = KvCache::Tokens(5_000);
        config.models = [2e9, 9e9]
            .map(|weight_bytes| {
                let base = Duration::from_millis(3);
                let timing = LinearTiming { base, weight_bytes, ..LinearTiming::default() };
                ModelConfig { name: format!("{weight_bytes}"), timing: Timing::Linear(timing) }
            })
            .into();
        config.models.push(ModelConfig { name: "shape".into(), timing: Timing::Roofline(shape()) });
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
    /// Shares that may not be taken away.
    firm: Vec<AllocationId>,
    /// Of which share each inference is.
    asked_of: std::collections::BTreeMap<u64, AllocationId>,
    first_tokens: std::collections::BTreeSet<u64>,
}

impl Books {
    fn ask(&mut self, question: Question) {
        let held =
            |share: usize| (!self.held.is_empty()).then(|| self.held[share % self.held.len()]);
        let operation = match question {
            Question::Allocate { model, gib, tflops, priority, preemptible, overcommit } => {
                Some(Operation::Allocate(Allocate {
                    model: ModelId(model),
                    requirements: Requirements { tflops: Tflops::new(tflops), ..need(gib) },
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
                    stream: true,
                    progress: None,
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
            if let Operation::Infer(ask) = &operation {
                self.asked_of.insert(self.world.tickets + 1, ask.allocation);
            }
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
        let (ticket, result) = match event {
            EventKind::Completed { ticket, result } => (ticket, result),
            EventKind::FirstToken { ticket } => {
                assert!(self.waiting.contains_key(&ticket.0), "after its end: {ticket:?}");
                assert!(self.first_tokens.insert(ticket.0), "two first tokens: {ticket:?}");
                return;
            }
            EventKind::Progress { .. } => panic!("nobody asked for it"),
            EventKind::Preempted { allocation, .. } => {
                assert!(!self.firm.contains(&allocation), "{allocation:?} may not be taken away");
                return;
            }
        };
        let question = self.waiting.remove(&ticket.0);
        let question = question.unwrap_or_else(|| panic!("answered twice: {ticket:?}"));
        match (question, result) {
            (Question::Allocate { preemptible, .. }, Ok(Reply::Granted { allocation })) => {
                self.held.push(allocation);
                let is_firm = !preemptible && !takes_cards(&self.world.simulator.config);
                self.firm.extend(is_firm.then_some(allocation));
            }
            (Question::Infer { prompt, output, .. }, Ok(Reply::Generated { usage, .. })) => {
                assert!(self.first_tokens.contains(&ticket.0), "no first token: {ticket:?}");
                assert_eq!((usage.prompt.get(), usage.output.get()), (prompt, output));
            }
            (Question::Infer { .. }, Err(error)) if error.kind == ErrorKind::Preempted => {
                let of = self.asked_of[&ticket.0];
                assert!(!self.firm.contains(&of), "{of:?} may not be taken away");
            }
            _ => {}
        }
    }

    /// Whoever waits for a place would not fit anywhere.
    fn nobody_waits_in_vain(&self) {
        let simulator = &self.world.simulator;
        let pool = &simulator.pools[0];
        for key in pool.line.in_order() {
            let share = &simulator.shares[key];
            assert!(share.at.is_none() && share.leaving.is_none() && share.is_usable());
            let fits = (0..pool.cards.len()).any(|card| pool.has_room(card, &share.ask));
            assert!(!fits || pool.free_slots() == 0, "{share:?} has room and waits");
        }
    }

    /// What is promised is there to be promised, and time is neither made nor lost.
    fn balance(&mut self) {
        let config = self.world.simulator.config.pools[0].clone();
        let gauge = self.world.gauge();
        let most = u64::from(config.sharing_ratio);
        assert!(gauge.slots_held <= config.count * config.open_slots());
        let waiting = gauge.set_aside.waiting;
        assert_eq!((gauge.slots_held + waiting) as usize, self.world.simulator.held());
        assert!(gauge.set_aside.requeued >= gauge.set_aside.resumed + u64::from(waiting));
        self.nobody_waits_in_vain();
        let promisable = u64::from(config.count) * most;
        assert!(gauge.vram_promised.get() <= config.vram().get() * promisable);
        assert!(gauge.tflops_promised.as_gflops() <= config.tflops().as_gflops() * promisable);
        assert!(gauge.kv_blocks_in_use <= gauge.kv_blocks);
        assert!(gauge.busy_card_ns + gauge.changing_card_ns <= wall(&config, self.world.now));
        assert!(gauge.card_ns <= wall(&config, self.world.now));
        self.sums_are_kept(&gauge);
        self.world.simulator.check_fleet(self.world.now, 0);
        assert!(gauge.cards <= config.count);
        for card in &mut self.world.simulator.pools[0].cards {
            if let Some(spent) = card.sharing.spent(self.world.now) {
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

impl Books {
    /// What is kept up to date is what one gets by adding it up.
    fn sums_are_kept(&mut self, gauge: &PoolGauge) {
        let now = self.world.now;
        let cards = &mut self.world.simulator.pools[0].cards;
        let engines = || cards.iter().flat_map(|card| &card.stations).map(|of| &of.engine);
        let sum = |of: fn(&Engine) -> u64| engines().map(of).sum::<u64>();
        assert_eq!(u64::from(gauge.running), sum(|engine| u64::from(engine.running())));
        assert_eq!(u64::from(gauge.waiting), sum(|engine| u64::from(engine.waiting())));
        assert_eq!(gauge.recomputations, sum(|engine| engine.tally().preemptions));
        let kv = engines().filter_map(|engine| engine.kv_cache(now));
        let kv = kv.fold((0, 0), |sum, (blocks, in_use)| (sum.0 + blocks, sum.1 + in_use));
        assert_eq!((gauge.kv_blocks, gauge.kv_blocks_in_use), kv);
        let spent = cards.iter_mut().filter_map(|card| card.sharing.spent(now));
        let changing: u128 = spent.map(|spent| u128::from(spent.changing.as_nanos())).sum();
        assert_eq!(gauge.changing_card_ns, changing);
        let paged: u64 = cards.iter().map(|card| card.sharing.paged_bytes()).sum();
        assert_eq!(gauge.paged_bytes, paged);
    }
}

/// Whether the provider takes cards away with notice, whoever is on them.
fn takes_cards(config: &ProviderConfig) -> bool {
    let maintenance = |fault: &FaultConfig| matches!(fault.kind, FaultKind::Maintenance { .. });
    config.pools[0].capacity.spot.is_some() || config.faults.iter().any(maintenance)
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
            firm: Vec::new(),
            asked_of: std::collections::BTreeMap::new(),
            first_tokens: std::collections::BTreeSet::new(),
        };
        for (wait, question) in questions {
            books.ask(question);
            let until = books.world.now + Duration::from_millis(wait);
            books.pass(until);
        }
        // Outages end, everything asked is answered, and what is given back is free. A card that pages
        // all the time may take its.
        for _hour in 0..24 {
            let end = books.world.now + Duration::from_secs(3_600);
            books.pass(end);
            if books.waiting.is_empty() {
                break;
            }
        }
        prop_assert!(books.waiting.is_empty(), "never answered: {:?}", books.waiting);
        // Ghosts too: their holder does not know of them, but a list would tell.
        let held: Vec<ShareKey> = books.world.simulator.shares.keys().collect();
        for share in held {
            books.world.submit(Operation::Release { allocation: share.id() });
            books.waiting.insert(books.world.tickets, Question::CancelLast);
        }
        let end = books.world.now + Duration::from_secs(60);
        books.pass(end);
        prop_assert_eq!(books.world.simulator.held(), 0);
        let gauge = books.world.gauge();
        prop_assert_eq!((gauge.slots_held, gauge.running, gauge.waiting), (0, 0, 0));
        prop_assert_eq!(gauge.set_aside.waiting, 0);
        prop_assert_eq!(books.world.usage().slot_ns, gauge.held_slot_ns, "the provider's meter");
        prop_assert_eq!(books.world.simulator.inferences.len(), 0);
        prop_assert_eq!((gauge.vram_promised, gauge.tflops_promised), (Mebibytes::ZERO, Tflops::ZERO));
    }
}
