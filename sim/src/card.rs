//! One card: what of it is promised, which models are on it, and what it computes.

use connector::{EventKey, Mebibytes, ModelId, Requirements, Tflops, Timestamp};

use crate::{config::PoolConfig, serving::Engine, timing::Server};

/// A model on a card.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) model: ModelId,
    pub(crate) engine: Engine,
    /// The pending wake-up for the engine, if any.
    pub(crate) wake: Option<(Timestamp, EventKey)>,
    /// Shares held for this model.
    shares: u32,
    weight_bytes: f64,
    residence: Residence,
    last_asked: Timestamp,
}

/// Where a model's weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Residence {
    Away,
    Loading,
    OnCard,
}

/// What of a card, or of a whole pool, is promised to shares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Promises {
    pub(crate) slots: u32,
    pub(crate) vram: Mebibytes,
    pub(crate) tflops: Tflops,
}

impl Promises {
    pub(crate) fn promise(&mut self, need: Requirements) {
        self.slots += 1;
        self.vram += need.vram;
        self.tflops += need.tflops;
    }

    pub(crate) fn take_back(&mut self, need: Requirements) {
        self.slots = self.slots.checked_sub(1).expect("a promised share is held");
        self.vram -= need.vram;
        self.tflops -= need.tflops;
    }

    /// Whether a card with these promises may take on one more. Without overcommit the card itself
    /// is the limit, with it as many times the card as it is shared.
    pub(crate) fn leave_room(
        self,
        pool: &PoolConfig,
        need: Requirements,
        overcommit: bool,
    ) -> bool {
        let times = if overcommit { u64::from(pool.sharing_ratio) } else { 1 };
        let vram_limit = pool.vram().get().saturating_mul(times);
        let tflops_limit = pool.tflops().as_gflops().saturating_mul(times);
        self.slots < pool.sharing_ratio
            && (self.vram + need.vram).get() <= vram_limit
            && (self.tflops + need.tflops).as_gflops() <= tflops_limit
    }
}

/// One card of a pool.
#[derive(Debug, Default)]
pub(crate) struct Card {
    pub(crate) in_service: bool,
    pub(crate) promises: Promises,
    pub(crate) stations: Vec<Station>,
    /// Engines that compute.
    pub(crate) busy: u32,
}

impl Card {
    pub(crate) fn new() -> Self {
        Self { in_service: true, ..Self::default() }
    }

    /// Whether a share with these requirements may be promised.
    pub(crate) fn fits(&self, pool: &PoolConfig, need: Requirements, overcommit: bool) -> bool {
        self.in_service && self.promises.leave_room(pool, need, overcommit)
    }

    /// The place of a model on this card, made if need be.
    pub(crate) fn station(&mut self, model: ModelId, server: &Server) -> usize {
        if let Some(found) = self.find(model) {
            return found;
        }
        self.stations.push(Station {
            model,
            engine: Engine::new(server.limits, server.time.clone()),
            wake: None,
            shares: 0,
            weight_bytes: server.footprint.weight_bytes,
            residence: Residence::Away,
            last_asked: Timestamp::ZERO,
        });
        self.stations.len() - 1
    }

    /// The place of a model that was on this card before.
    pub(crate) fn find(&self, model: ModelId) -> Option<usize> {
        self.stations.iter().position(|station| station.model == model)
    }

    /// One more share wants this model; returns the bytes to load, if it is not there yet.
    ///
    /// Weights stay on the card after the last share has gone, until another model needs the room:
    /// then the one unasked for longest makes way. Weights in use never do; if they alone exceed
    /// the card, it is overcommitted and they all stay.
    pub(crate) fn ask_for(&mut self, index: usize, now: Timestamp, vram: Mebibytes) -> Option<f64> {
        let station = &mut self.stations[index];
        station.shares += 1;
        station.last_asked = now;
        if station.residence != Residence::Away {
            return None;
        }
        let need = station.weight_bytes;
        self.make_room(need, vram.as_bytes() as f64, now);
        self.stations[index].residence = Residence::Loading;
        Some(need)
    }

    /// The weights of this model have arrived.
    pub(crate) fn loaded(&mut self, index: usize) {
        self.stations[index].residence = Residence::OnCard;
    }

    /// One share fewer wants this model.
    pub(crate) fn let_go(&mut self, index: usize) {
        let shares = &mut self.stations[index].shares;
        *shares = shares.checked_sub(1).expect("a share of the model is held");
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
        }
    }
}
