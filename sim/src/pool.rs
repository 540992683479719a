//! A pool: its cards, what of them is promised, and the integrals that gauges report.

mod sums;

use connector::{
    Allocate, Duration, Mebibytes, ModelId, Money, PoolGauge, PoolId, PoolInfo, Requirements,
    SetAside, Tflops, Timestamp,
};
use hdrhistogram::Histogram;

use self::sums::Sums;
pub(crate) use self::sums::Told;
use crate::{
    breakdowns::Breakdowns,
    card::Card,
    config::{CapacityConfig, PoolConfig, ProviderConfig},
    line::Line,
    neighbour::Neighbour,
    placement::{Ask, Host, Models, Placer, Scale},
    random::Streams,
    serving,
    sharing::Activity,
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
    /// Shares that wait for another place.
    pub(crate) line: Line,
    pub(crate) spot: Option<Spot>,
    pub(crate) breakdowns: Breakdowns,
    placer: Placer,
    standings: Vec<Standing>,
    /// Cards that are there, and those of them that take shares.
    cards_there: u32,
    cards_open: u32,
    /// Shares held on cards that take no more.
    slots_closing: u32,
    /// Cards that compute, and cards that change from one tenant to the next.
    busy_cards: u32,
    changing_cards: u32,
    paged_bytes: u64,
    sums: Sums,
    promises: Promises,
    pub(crate) preemptions: u64,
    /// By model, what the engines have handed out so far.
    gaps: Vec<Histogram<u64>>,
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
    changing_card_ns: u128,
    card_ns: u128,
    held_slot_ns: u128,
}

impl Pool {
    pub(crate) fn new(config: PoolConfig, provider: &ProviderConfig, streams: Streams) -> Self {
        let servers = provider.models.iter().map(|model| Server::new(model, &config)).collect();
        let placer = placer(&config, streams);
        let keeps_history = provider.regions[config.region].control_plane.usage_windows;
        let CapacityConfig { spot, failures } = &config.capacity;
        let spot = spot.as_ref();
        let neighbours = |card| {
            let of_card = config.neighbours.iter().enumerate();
            let name = &config.name;
            of_card.map(move |(index, of)| Neighbour::new(index, of, (name, card), streams))
        };
        Self {
            cards: (0..config.count)
                .map(|card| Card::new(&config, neighbours(card), keeps_history))
                .collect(),
            servers,
            victims: Victims::default(),
            line: Line::default(),
            spot: spot.map(|spot| Spot::new(spot, config.count, &config.name, streams)),
            breakdowns: Breakdowns::new(failures, config.count, &config.name, streams),
            placer,
            cards_there: config.count,
            cards_open: config.count,
            slots_closing: 0,
            standings: vec![Standing::default(); config.count as usize],
            busy_cards: 0,
            changing_cards: 0,
            paged_bytes: 0,
            sums: Sums::new(config.count as usize),
            promises: Promises::default(),
            preemptions: 0,
            gaps: vec![serving::histogram(); provider.models.len()],
            set_aside: SetAside::default(),
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

    /// A card does something else from now on, after paging so many bytes for it.
    pub(crate) fn note_activity(
        &mut self,
        now: Timestamp,
        was: Activity,
        is: Activity,
        paged: u64,
    ) {
        self.paged_bytes += paged;
        if was == is {
            return;
        }
        self.integrate(now);
        for (count, activity) in [
            (&mut self.busy_cards, Activity::Computing),
            (&mut self.changing_cards, Activity::Changing),
        ] {
            *count = *count + u32::from(is == activity) - u32::from(was == activity);
        }
    }

    /// Takes note of what the shares of a model on a card use from now on, where that is told.
    #[inline]
    pub(crate) fn note_usage(&mut self, now: Timestamp, card: usize, station: usize) {
        let station = &mut self.cards[card].stations[station];
        if station.history.is_some() {
            station.note_usage(now);
        }
    }

    /// Takes note of what all engines of a card have done.
    pub(crate) fn note_engines(&mut self, now: Timestamp, card: usize) {
        for station in 0..self.cards[card].stations.len() {
            self.note_engine(now, card, station);
        }
    }

    /// Takes note of what an engine has done: of what it adds to the pool's sums, of what its
    /// shares use, and of its gaps between tokens once they are many (histograms per engine would
    /// not fit in the processor's caches).
    #[inline]
    pub(crate) fn note_engine(&mut self, now: Timestamp, card: usize, station: usize) {
        let of = &mut self.cards[card].stations[station];
        self.sums.update(card, &mut of.told, &of.engine);
        if let Some(gaps) = of.engine.drain_gaps_if_many() {
            record(&mut self.gaps[of.model.index()], gaps);
        }
        self.note_usage(now, card, station);
    }

    pub(crate) fn gauge(&mut self, now: Timestamp, pool: PoolId) -> PoolGauge {
        self.integrate(now);
        let sum = self.sums.told;
        let cards = u64::from(self.cards_there);
        PoolGauge {
            pool,
            cards: self.cards_there,
            slots: self.cards_there * self.config.open_slots(),
            slots_held: self.promises.slots,
            running: sum.running,
            waiting: sum.waiting,
            vram: Mebibytes::new(self.config.vram().get() * cards),
            vram_promised: self.promises.vram,
            tflops: Tflops::from_gflops(self.config.tflops().as_gflops() * cards),
            tflops_promised: self.promises.tflops,
            busy_card_ns: self.integrals.busy_card_ns,
            card_ns: self.integrals.card_ns,
            held_slot_ns: self.integrals.held_slot_ns,
            preemptions: self.preemptions,
            set_aside: SetAside { waiting: self.line.len() as u32, ..self.set_aside },
            changing_card_ns: self.integrals.changing_card_ns,
            paged_bytes: self.paged_bytes,
            recomputations: sum.recomputations,
            prefix_asked: sum.prefix_asked,
            prefix_found: sum.prefix_found,
            kv_blocks: sum.kv_blocks,
            kv_blocks_in_use: self.sums.kv_blocks_in_use(now, &self.cards),
            scaling: None,
        }
    }

    pub(crate) fn info(&self, pool: PoolId, price_per_slot_hour: Money) -> PoolInfo {
        PoolInfo {
            pool,
            name: self.config.name.as_str().into(),
            kind: self.config.kind,
            free_slots: self.free_slots(),
            card_vram: self.config.vram(),
            price_per_slot_hour,
            security_level: self.config.security_level(),
        }
    }

    /// Hands out the gaps between tokens of each model up to now, and forgets them.
    pub(crate) fn drain_gaps(
        &mut self,
        now: Timestamp,
        report: &mut dyn FnMut(ModelId, Duration, u64),
    ) {
        for station in self.cards.iter_mut().flat_map(|card| &mut card.stations) {
            let of_model = &mut self.gaps[station.model.index()];
            record(of_model, station.engine.drain_gaps(now));
        }
        for (model, gaps) in (0..).zip(&mut self.gaps) {
            for bucket in gaps.iter_recorded() {
                let gap = Duration::from_nanos(bucket.value_iterated_to());
                report(ModelId(model), gap, bucket.count_at_value());
            }
            gaps.reset();
        }
    }

    fn integrate(&mut self, now: Timestamp) {
        let elapsed = u128::from(now.since(self.integrals.at).as_nanos());
        if elapsed == 0 {
            return;
        }
        self.integrals.at = now;
        self.integrals.busy_card_ns += elapsed * u128::from(self.busy_cards);
        self.integrals.changing_card_ns += elapsed * u128::from(self.changing_cards);
        self.integrals.card_ns += elapsed * u128::from(self.cards_there);
        self.integrals.held_slot_ns += elapsed * u128::from(self.promises.slots);
    }
}

fn record(histogram: &mut Histogram<u64>, gaps: impl Iterator<Item = (u64, u64)>) {
    for (ns, count) in gaps {
        histogram.record_n(ns, count).expect("the histogram grows");
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
