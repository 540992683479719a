//! A provider with so many cards, each shared by ten in turns, three models on each, every share held.

use std::collections::VecDeque;

use connector::{
    Allocate, AllocationId, BasisPoints, Connector, Duration, EventKind, Infer, Mebibytes, ModelId,
    Money, Operation, PoolId, PoolKind, Priority, Prompt, Reply, Requirements, Temperature,
    TenantId, Tflops, Ticket, Timestamp, Tokens,
};
use sim::{
    ProviderConfig, Simulator, catalogue,
    config::{
        ControlPlane, LinearTiming, ModelConfig, Placement, PoolConfig, RegionConfig,
        ServingConfig, SharingConfig, Timing, TurnsConfig,
    },
};

const SHARES: u32 = 10;
const MODELS: u32 = 3;
/// An inference takes about as long on a card of its own.
const SERVICE_NS: u64 = 500_000_000;

fn provider(cards: u32) -> ProviderConfig {
    let timing = Timing::Linear(LinearTiming {
        base: Duration::from_millis(10),
        weight_bytes: 14e9,
        ..LinearTiming::default()
    });
    let model = |index| ModelConfig { name: format!("m{index}"), timing: timing.clone() };
    let turns = TurnsConfig { switch: Duration::from_millis(20), ..TurnsConfig::default() };
    ProviderConfig {
        regions: vec![RegionConfig {
            name: "region".to_owned(),
            control_plane: ControlPlane::default(),
        }],
        pools: vec![PoolConfig {
            name: "fleet".to_owned(),
            region: 0,
            kind: PoolKind::Standard,
            gpu: catalogue::gpu("A100-40").expect("in the catalogue"),
            count: cards,
            sharing_ratio: SHARES,
            price_per_slot_hour: Money::ZERO,
            price_changes: Vec::new(),
            placement: Placement::LeastLoaded,
            serving: ServingConfig::default(),
            weight_load_bandwidth: None,
            preemption: None,
            sharing: SharingConfig::Turns(turns),
            guaranteed_share: BasisPoints::ZERO,
            vip: false,
            neighbours: Vec::new(),
            autoscale: None,
            capacity: sim::config::CapacityConfig::default(),
        }],
        models: (0..MODELS).map(model).collect(),
        faults: Vec::new(),
    }
}

/// Every share of every card held.
pub(crate) struct Fleet {
    simulator: Simulator,
    now: Timestamp,
    tickets: u64,
    held: VecDeque<AllocationId>,
    gap: Duration,
}

impl Fleet {
    pub(crate) fn new(cards: u32) -> Self {
        let simulator = Simulator::new(provider(cards), 1).expect("a valid provider");
        // Every card works half of the time.
        let gap = Duration::from_nanos(2 * SERVICE_NS / u64::from(cards));
        let now = Timestamp::ZERO;
        let mut fleet = Self { simulator, now, tickets: 0, held: VecDeque::new(), gap };
        for _ in 0..cards * SHARES {
            fleet.allocate();
        }
        fleet.now = fleet.now + Duration::from_secs(1);
        fleet.events();
        assert_eq!(fleet.held.len(), (cards * SHARES) as usize);
        fleet
    }

    fn submit(&mut self, operation: Operation) {
        self.tickets += 1;
        self.simulator.submit(self.now, Ticket(self.tickets), operation);
    }

    fn allocate(&mut self) {
        let model = ModelId((self.tickets % u64::from(MODELS)) as u32);
        self.submit(Operation::Allocate(Allocate {
            pool: PoolId(0),
            model,
            requirements: Requirements { tflops: Tflops::new(10), vram: Mebibytes::from_gib(16) },
            overcommit: true,
            preemptible: false,
            priority: Priority::default(),
            tenant: TenantId(0),
        }));
    }

    fn events(&mut self) -> usize {
        let mut seen = 0;
        while let Some(event) = self.simulator.poll(self.now) {
            seen += 1;
            if let EventKind::Completed { result: Ok(Reply::Granted { allocation }), .. } =
                event.kind
            {
                self.held.push_back(allocation);
            }
        }
        seen
    }

    /// An inference on one share; the oldest one is given back, and another one taken.
    pub(crate) fn turn_over(&mut self) -> usize {
        self.now = self.now + self.gap;
        let newest = *self.held.back().expect("shares are held");
        self.submit(Operation::Infer(Infer {
            allocation: newest,
            prompt: Prompt::of_length(Tokens::new(100)),
            max_tokens: Tokens::new(50),
            temperature: Temperature::default(),
            stream: false,
            progress: None,
        }));
        let oldest = self.held.pop_front().expect("shares are held");
        self.submit(Operation::Release { allocation: oldest });
        self.allocate();
        self.events()
    }
}
