//! A pool: its cards, what of them is promised, and the integrals that gauges report.

use connector::{
    Allocate, Mebibytes, PoolGauge, PoolId, PoolInfo, Requirements, Tflops, Timestamp,
};

use crate::{
    breakdowns::Breakdowns,
    card::Card,
    config::{CapacityConfig, PoolConfig, ProviderConfig},
    neighbour::Neighbour,
    placement::{Ask, Host, Models, Placer, Scale},
    random::Streams,
    serving::Engine,
    sharing::Moved,
    spot::Spot,
    standing::Standing,
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
    pub(crate) spot: Option<Spot>,
    pub(crate) breakdowns: Breakdowns,
    placer: Placer,
    standings: Vec<Standing>,
    /// Cards that are there, and those of them that take shares.
    cards_there: u32,
    cards_open: u32,
    /// Shares held on cards that take no more.
    slots_closing: u32,
    busy_cards: u32,
    promises: Promises,
    pub(crate) preemptions: u64,
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
        let CapacityConfig { spot, failures } = &config.capacity;
        let spot = spot.as_ref();
        let neighbours = |card| {
            let of_card = config.neighbours.iter().enumerate();
            let name = &config.name;
            of_card.map(move |(index, of)| Neighbour::new(index, of, (name, card), streams))
        };
        Self {
            cards: (0..config.count).map(|card| Card::new(&config, neighbours(card))).collect(),
            servers,
            victims: Victims::default(),
            spot: spot.map(|spot| Spot::new(spot, config.count, &config.name, streams)),
            breakdowns: Breakdowns::new(failures, config.count, &config.name, streams),
            placer,
            cards_there: config.count,
            cards_open: config.count,
            slots_closing: 0,
            standings: vec![Standing::default(); config.count as usize],
            busy_cards: 0,
            promises: Promises::default(),
            preemptions: 0,
            integrals: Integrals::default(),
            config,
        }
    }

    /// Shares nobody holds, of cards that take any.
    pub(crate) fn free_slots(&self) -> u32 {
        let held = self.promises.slots - self.slots_closing;
        self.cards_open * self.config.open_slots() - held
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
        if !self.standings[card as usize].is_open() {
            self.slots_closing -= 1;
        }
        self.placer.take_back(card, &self.of_a_card(ask), &THE_GPU);
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

    pub(crate) fn standing(&self, card: usize) -> Standing {
        self.standings[card]
    }

    /// Shares held on this card.
    pub(crate) fn held_on(&self, card: usize) -> u32 {
        self.placer.hosts()[card].load()
    }

    /// Changes the standing of a card; says whether it has come or gone by that.
    pub(crate) fn change_standing(
        &mut self,
        now: Timestamp,
        card: usize,
        change: impl FnOnce(&mut Standing),
    ) -> bool {
        self.integrate(now);
        let was = self.standings[card];
        change(&mut self.standings[card]);
        let is = self.standings[card];
        if was.is_open() != is.is_open() {
            self.placer.set_in_service(card as u32, is.is_open());
            let held = self.held_on(card);
            if is.is_open() {
                self.cards_open += 1;
                self.slots_closing -= held;
            } else {
                self.cards_open -= 1;
                self.slots_closing += held;
            }
        }
        match (was.is_there(), is.is_there()) {
            (true, false) => self.cards_there -= 1,
            (false, true) => self.cards_there += 1,
            (true, true) | (false, false) => {}
        }
        was.is_there() != is.is_there()
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
        let cards = u64::from(self.cards_there);
        PoolGauge {
            pool,
            cards: self.cards_there,
            slots: self.cards_there * self.config.open_slots(),
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
        self.integrals.card_ns += elapsed * u128::from(self.cards_there);
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
