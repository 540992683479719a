//! A pool: its cards, what of them is promised, and the integrals that gauges report.

use connector::{
    Allocate, Mebibytes, PoolGauge, PoolId, PoolInfo, Requirements, SetAside, Tflops, Timestamp,
};

use crate::{
    card::Card,
    config::{PoolConfig, ProviderConfig},
    line::Line,
    neighbour::Neighbour,
    placement::{Ask, Host, Models, Placer, Scale},
    random::Streams,
    serving::Engine,
    sharing::Moved,
    timing::Server,
    victims::Victims,
};

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) cards: Vec<Card>,
    /// How every model runs on this pool's card.
    pub(crate) servers: Vec<Server>,
    pub(crate) victims: Victims,
    /// Shares that wait for another place.
    pub(crate) line: Line,
    placer: Placer,
    cards_in_service: u32,
    busy_cards: u32,
    promises: Promises,
    pub(crate) preemptions: u64,
    pub(crate) set_aside: SetAside,
    integrals: Integrals,
}

/// What of a pool is promised to shares.
#[derive(Clone, Copy, Debug, Default)]
struct Promises {
    slots: u32,
    vram: Mebibytes,
    tflops: Tflops,
}

impl Promises {
    fn promise(&mut self, need: Requirements) {
        self.slots += 1;
        self.vram += need.vram;
        self.tflops += need.tflops;
    }

    fn take_back(&mut self, need: Requirements) {
        self.slots = self.slots.checked_sub(1).expect("a promised share is held");
        self.vram -= need.vram;
        self.tflops -= need.tflops;
    }
}

/// A card is placed on as one GPU.
const THE_GPU: [u32; 1] = [0];
/// How finely a pool tells its cards apart: ten thousandths of a card.
const STEPS: u32 = 10_000;

/// Integrals over time up to `at`.
#[derive(Clone, Copy, Debug, Default)]
struct Integrals {
    at: Timestamp,
    busy_card_ns: u128,
    card_ns: u128,
    held_slot_ns: u128,
}

/// What the engines of a pool add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Engines {
    running: u32,
    waiting: u32,
    recomputations: u64,
    prefix_asked: u64,
    prefix_found: u64,
    kv_blocks: u64,
    kv_blocks_in_use: u64,
}

impl Engines {
    #[inline]
    fn add(&mut self, now: Timestamp, engine: &Engine) {
        let tally = engine.tally();
        self.running += engine.running();
        self.waiting += engine.waiting();
        self.recomputations += tally.preemptions;
        self.prefix_asked += tally.content_asked;
        self.prefix_found += tally.content_found;
        if let Some((blocks, in_use)) = engine.kv_cache(now) {
            self.kv_blocks += blocks;
            self.kv_blocks_in_use += in_use;
        }
    }
}

impl Pool {
    pub(crate) fn new(config: PoolConfig, provider: &ProviderConfig, streams: Streams) -> Self {
        let servers = provider.models.iter().map(|model| Server::new(model, &config)).collect();
        let placer = placer(&config, streams);
        let neighbours = |card| {
            let of_card = config.neighbours.iter().enumerate();
            let name = &config.name;
            of_card.map(move |(index, of)| Neighbour::new(index, of, (name, card), streams))
        };
        Self {
            cards: (0..config.count).map(|card| Card::new(&config, neighbours(card))).collect(),
            servers,
            victims: Victims::default(),
            line: Line::default(),
            placer,
            cards_in_service: config.count,
            busy_cards: 0,
            promises: Promises::default(),
            preemptions: 0,
            set_aside: SetAside::default(),
            integrals: Integrals::default(),
            config,
        }
    }

    /// Shares nobody holds. Those on a card that has just fallen off are still to be taken away.
    pub(crate) fn free_slots(&self) -> u32 {
        let slots = self.cards_in_service * self.config.open_slots();
        slots.saturating_sub(self.promises.slots)
    }

    /// A card with room, or `None`.
    pub(crate) fn choose_card(&mut self, ask: &Allocate) -> Option<u32> {
        if self.free_slots() == 0 {
            return None;
        }
        self.placer.choose(&self.of_a_card(ask))
    }

    /// Whether this card has room.
    pub(crate) fn has_room(&self, card: usize, ask: &Allocate) -> bool {
        self.placer.hosts()[card].fits(&self.of_a_card(ask))
    }

    /// Whether this card will have room once a share that it holds has gone.
    pub(crate) fn would_have_room(&self, card: usize, ask: &Allocate, gone: &Allocate) -> bool {
        let (ask, gone) = (self.of_a_card(ask), self.of_a_card(gone));
        self.placer.hosts()[card].would_fit(&ask, &gone, &THE_GPU)
    }

    /// Promises a share of this card.
    pub(crate) fn promise(&mut self, now: Timestamp, card: u32, ask: &Allocate) {
        self.integrate(now);
        self.promises.promise(ask.requirements);
        self.placer.promise(card, &self.of_a_card(ask));
    }

    /// Takes a promise back.
    pub(crate) fn take_back(&mut self, now: Timestamp, card: u32, ask: &Allocate) {
        self.integrate(now);
        self.promises.take_back(ask.requirements);
        self.placer.take_back(card, &self.of_a_card(ask), &THE_GPU);
    }

    /// The larger of the parts that a share asks of a card's memory and of its compute, in units of
    /// one over the product of both.
    pub(crate) fn part_of_card(&self, ask: &Allocate) -> u128 {
        let Requirements { vram, tflops } = ask.requirements;
        let of = |asked: u64, other: u64| u128::from(asked) * u128::from(other);
        let memory = of(vram.get(), self.config.tflops().as_gflops());
        memory.max(of(tflops.as_gflops(), self.config.vram().get()))
    }

    /// What a share asks of a card: one slot, its memory and compute.
    fn of_a_card(&self, ask: &Allocate) -> Ask {
        let Requirements { vram, tflops } = ask.requirements;
        Ask {
            resources: [vram.get(), tflops.as_gflops()],
            gpus: 1,
            parts: 1,
            models: Models::ANY,
            overcommit: if ask.overcommit { u64::from(self.config.sharing_ratio) } else { 1 },
            kind: ask.model.index() as u32,
        }
    }

    pub(crate) fn is_in_service(&self, card: usize) -> bool {
        self.placer.hosts()[card].is_in_service()
    }

    /// A card falls off the bus or comes back; nothing is held on it.
    pub(crate) fn set_in_service(&mut self, now: Timestamp, card: u32, in_service: bool) {
        self.integrate(now);
        let was = self.is_in_service(card as usize);
        self.placer.set_in_service(card, in_service);
        match (was, in_service) {
            (true, false) => self.cards_in_service -= 1,
            (false, true) => self.cards_in_service += 1,
            (true, true) | (false, false) => {}
        }
    }

    /// A card begins or stops computing.
    pub(crate) fn count_busy_card(&mut self, now: Timestamp, busy: bool) {
        self.integrate(now);
        if busy {
            self.busy_cards += 1;
        } else {
            self.busy_cards = self.busy_cards.checked_sub(1).expect("a busy card was counted");
        }
    }

    pub(crate) fn gauge(&mut self, now: Timestamp, pool: PoolId) -> PoolGauge {
        self.integrate(now);
        let engines = self.engines(now);
        let (changing, paged) = self.changing(now);
        let cards = u64::from(self.cards_in_service);
        PoolGauge {
            pool,
            cards: self.cards_in_service,
            slots: self.cards_in_service * self.config.open_slots(),
            slots_held: self.promises.slots,
            running: engines.running,
            waiting: engines.waiting,
            vram: Mebibytes::new(self.config.vram().get() * cards),
            vram_promised: self.promises.vram,
            tflops: Tflops::from_gflops(self.config.tflops().as_gflops() * cards),
            tflops_promised: self.promises.tflops,
            busy_card_ns: self.integrals.busy_card_ns,
            card_ns: self.integrals.card_ns,
            held_slot_ns: self.integrals.held_slot_ns,
            preemptions: self.preemptions,
            set_aside: SetAside { waiting: self.line.len() as u32, ..self.set_aside },
            changing_card_ns: changing,
            paged_bytes: paged,
            recomputations: engines.recomputations,
            prefix_asked: engines.prefix_asked,
            prefix_found: engines.prefix_found,
            kv_blocks: engines.kv_blocks,
            kv_blocks_in_use: engines.kv_blocks_in_use,
        }
    }

    /// Adds up in one pass what the engines say: pools may have thousands of them.
    fn engines(&self, now: Timestamp) -> Engines {
        let mut sum = Engines::default();
        for station in self.cards.iter().flat_map(|card| &card.stations) {
            sum.add(now, &station.engine);
        }
        sum
    }

    /// Time that cards spent changing from one to the other, and bytes paged.
    fn changing(&mut self, now: Timestamp) -> (u128, u64) {
        let spent = self.cards.iter_mut().filter_map(|card| card.sharing.spent(now));
        spent.fold((0, 0), |(ns, bytes), (spent, Moved { out, into })| {
            (ns + u128::from(spent.changing.as_nanos()), bytes + out + into)
        })
    }

    pub(crate) fn info(&self, pool: PoolId) -> PoolInfo {
        PoolInfo {
            pool,
            name: self.config.name.as_str().into(),
            kind: self.config.kind,
            free_slots: self.free_slots(),
            card_vram: self.config.vram(),
            price_per_slot_hour: self.config.price_per_slot_hour,
        }
    }

    fn integrate(&mut self, now: Timestamp) {
        let elapsed = u128::from(now.since(self.integrals.at).as_nanos());
        if elapsed == 0 {
            return;
        }
        self.integrals.at = now;
        self.integrals.busy_card_ns += elapsed * u128::from(self.busy_cards);
        self.integrals.card_ns += elapsed * u128::from(self.cards_in_service);
        self.integrals.held_slot_ns += elapsed * u128::from(self.promises.slots);
    }
}

/// Cards as hosts with one GPU, in as many parts as it is shared.
fn placer(config: &PoolConfig, streams: Streams) -> Placer {
    let capacity = [config.vram().get(), config.tflops().as_gflops()];
    let mut card = Host::new(capacity, 1, config.placeable_slots(), Models::NONE);
    if let Some(memory) = config.promisable_vram() {
        card = card.with_most([memory.get(), u64::MAX]);
    }
    let cards = vec![card; config.count as usize];
    let scale = Scale::of(&cards[..1], [true, true], STEPS);
    let stream = streams.stream(&format!("placement/{}", config.name));
    Placer::new(config.placement, cards, scale, stream)
}
