//! One card: which models are on it, and what it computes.

use connector::{EventKey, Mebibytes, ModelId, Tflops, Timestamp};

use crate::{
    config::PoolConfig,
    neighbour::Neighbour,
    pool::Told,
    serving::Engine,
    sharing::{Rights, Sharing},
    timing::Server,
    usage::{History, Rate, Totals},
};

/// A model on a card.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) model: ModelId,
    pub(crate) engine: Engine,
    /// What the pool knows of it.
    pub(crate) told: Told,
    /// What its shares used lately, where the region tells.
    pub(crate) history: Option<Box<History>>,
    /// The pending wake-up for the engine, if any.
    pub(crate) wake: Option<(Timestamp, EventKey)>,
    /// Its number among those who share the card.
    pub(crate) member: usize,
    /// Whether the card's sharing knows that it has work.
    pub(crate) ready: bool,
    /// The part of the card that its engine runs at.
    pub(crate) fraction: f64,
    /// Shares held for this model.
    shares: u32,
    /// Compute that they asked for together.
    asked: Tflops,
    weight_bytes: f64,
    kv_block_bytes: f64,
    residence: Residence,
    /// The arrival of the weights, while they are on their way.
    arrival: Option<EventKey>,
    last_asked: Timestamp,
}

/// Where a model's weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Residence {
    Away,
    Loading,
    OnCard,
}

/// One card of a pool.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) stations: Vec<Station>,
    pub(crate) neighbours: Vec<Neighbour>,
    pub(crate) sharing: Sharing,
    /// The pending wake-up for the sharing, if any.
    pub(crate) turn: Option<(Timestamp, EventKey)>,
    /// Weights on their way.
    loading: u32,
    rights: Rights,
    keeps_history: bool,
}

impl Card {
    /// A card of this pool, with neighbours that rest.
    pub(crate) fn new(
        pool: &PoolConfig,
        neighbours: impl Iterator<Item = Neighbour>,
        keeps_history: bool,
    ) -> Self {
        let mut sharing =
            Sharing::new(&pool.sharing, pool.sharing_ratio, pool.vram().as_bytes(), pool.tflops());
        let neighbours: Vec<Neighbour> = neighbours.collect();
        for (neighbour, config) in neighbours.iter().zip(&pool.neighbours) {
            let rights = Rights { guaranteed: config.guaranteed.as_ratio(), vip: config.vip };
            let member = sharing.join();
            debug_assert_eq!(member, neighbour.member, "neighbours are the first to join");
            sharing.set_rights(member, rights);
        }
        Self {
            stations: Vec::new(),
            neighbours,
            sharing,
            turn: None,
            loading: 0,
            rights: Rights { guaranteed: pool.guaranteed_share.as_ratio(), vip: pool.vip },
            keeps_history,
        }
    }

    /// The place of a model on this card, made if need be.
    pub(crate) fn station(&mut self, model: ModelId, server: &Server) -> usize {
        if let Some(found) = self.find(model) {
            return found;
        }
        let member = self.sharing.join();
        let block_tokens = f64::from(server.limits.block_tokens);
        let mut engine = Engine::new(server.limits, server.time.clone());
        let fraction = self.sharing.fraction(member);
        engine.set_speed(Timestamp::ZERO, fraction);
        self.stations.push(Station {
            model,
            engine,
            told: Told::default(),
            history: self.keeps_history.then(Box::default),
            wake: None,
            member,
            ready: false,
            fraction,
            shares: 0,
            asked: Tflops::ZERO,
            weight_bytes: server.footprint.weight_bytes,
            kv_block_bytes: server.footprint.kv_bytes_per_token.unwrap_or(0.0) * block_tokens,
            residence: Residence::Away,
            arrival: None,
            last_asked: Timestamp::ZERO,
        });
        self.stations.len() - 1
    }

    /// The place of a model that was on this card before.
    pub(crate) fn find(&self, model: ModelId) -> Option<usize> {
        self.stations.iter().position(|station| station.model == model)
    }

    /// One more share wants this model, and this compute; returns the bytes to load, if it is not there
    /// yet.
    ///
    /// Weights stay on the card after the last share has gone, until another model needs the room:
    /// then the one unasked for longest makes way. Weights in use never do; if they alone exceed
    /// the card, it is overcommitted and they all stay.
    pub(crate) fn ask_for(
        &mut self,
        index: usize,
        now: Timestamp,
        asked: Tflops,
        vram: Mebibytes,
    ) -> Option<f64> {
        let station = &mut self.stations[index];
        station.shares += 1;
        station.asked += asked;
        station.last_asked = now;
        self.tell_shares(index);
        self.want_weights(index, now, vram)
    }

    /// The bytes to load for a model, if it is not there yet.
    pub(crate) fn want_weights(
        &mut self,
        index: usize,
        now: Timestamp,
        vram: Mebibytes,
    ) -> Option<f64> {
        let station = &self.stations[index];
        if station.residence != Residence::Away {
            return None;
        }
        let need = station.weight_bytes;
        self.make_room(need, vram.as_bytes() as f64, now);
        self.stations[index].residence = Residence::Loading;
        self.loading += 1;
        Some(need)
    }

    /// Weights are on their way, as long as this event is pending.
    pub(crate) fn await_weights(&mut self, index: usize, arrival: EventKey) {
        self.stations[index].arrival = Some(arrival);
    }

    /// The weights of this model have arrived.
    pub(crate) fn loaded(&mut self, index: usize, now: Timestamp) {
        let station = &mut self.stations[index];
        station.residence = Residence::OnCard;
        station.arrival = None;
        self.loading -= 1;
        self.sharing.come_onto_card(station.member, now, station.weight_bytes as u64);
    }

    /// Weights that come onto the card use this much of the host's link, each.
    pub(crate) fn note_loads(&mut self, bandwidth: Option<f64>) {
        self.sharing.set_link_in_use(f64::from(self.loading) * bandwidth.unwrap_or(0.0));
    }

    /// Tells the sharing how many shares this model has.
    fn tell_shares(&mut self, index: usize) {
        let Station { member, shares, asked, .. } = self.stations[index];
        self.sharing.set_shares(member, shares, asked);
        let guaranteed = self.rights.guaranteed * f64::from(shares);
        self.sharing.set_rights(member, Rights { guaranteed, ..self.rights });
    }

    /// Does something to the sharing, with everybody's working set at hand.
    pub(crate) fn with_sharing(
        &mut self,
        now: Timestamp,
        act: impl FnOnce(&mut Sharing, &dyn Fn(usize) -> u64),
    ) {
        let (stations, neighbours) = (&self.stations, &self.neighbours);
        act(&mut self.sharing, &|member: usize| match member.checked_sub(neighbours.len()) {
            None => neighbours[member].working_set,
            Some(station) => stations[station].working_set(now),
        });
    }

    /// The serving process of a model is gone, after its engine was evicted.
    pub(crate) fn lose_process(&mut self, index: usize) {
        let station = &mut self.stations[index];
        station.residence = Residence::Away;
        self.sharing.forget(station.member);
    }

    /// The weights are gone, on their way or there, after the engines were evicted. Returns the
    /// arrivals that come to nothing.
    pub(crate) fn lose_memory(&mut self) -> Vec<EventKey> {
        for station in &mut self.stations {
            station.residence = Residence::Away;
            self.sharing.forget(station.member);
        }
        self.loading = 0;
        self.sharing.set_link_in_use(0.0);
        self.stations.iter_mut().filter_map(|station| station.arrival.take()).collect()
    }

    /// One share fewer wants this model.
    pub(crate) fn let_go(&mut self, index: usize, asked: Tflops) {
        let station = &mut self.stations[index];
        station.shares = station.shares.checked_sub(1).expect("a share of the model is held");
        station.asked -= asked;
        self.tell_shares(index);
    }

    fn make_room(&mut self, need: f64, vram: f64, now: Timestamp) {
        let resident = |card: &Self| -> f64 {
            let there = card.stations.iter().filter(|s| s.residence != Residence::Away);
            there.map(|s| s.weight_bytes).sum()
        };
        while resident(self) + need > vram {
            let idle = self
                .stations
                .iter_mut()
                .filter(|station| station.shares == 0 && station.residence == Residence::OnCard);
            let Some(oldest) = idle.min_by_key(|station| (station.last_asked, station.model))
            else {
                return;
            };
            oldest.residence = Residence::Away;
            oldest.engine.evict(now);
            self.sharing.forget(oldest.member);
        }
    }
}

impl Station {
    /// Takes note of what each of its shares uses from now on.
    pub(crate) fn note_usage(&mut self, now: Timestamp) {
        let computes = self.ready && self.engine.is_busy();
        let shares = f64::from(self.shares.max(1));
        let card = if computes { self.fraction / shares } else { 0.0 };
        let bytes = self.working_set(now) as f64 / shares;
        if let Some(history) = &mut self.history {
            history.note(now, Rate { card, bytes });
        }
    }

    /// What a share has had so far that has been here since the beginning.
    pub(crate) fn totals(&self, now: Timestamp) -> Totals {
        self.history.as_ref().map(|history| history.totals(now)).unwrap_or_default()
    }

    /// Bytes that it has in use: the weights, and the blocks of the KV cache that hold something.
    fn working_set(&self, now: Timestamp) -> u64 {
        if self.residence != Residence::OnCard {
            return 0;
        }
        let blocks = self.engine.kv_cache(now).map_or(0, |(_, in_use)| in_use);
        (self.weight_bytes + blocks as f64 * self.kv_block_bytes) as u64
    }
}
