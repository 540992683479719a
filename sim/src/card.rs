//! One card: which models are on it, and what it computes.

use connector::{EventKey, Mebibytes, ModelId, Timestamp};

use crate::{serving::Engine, timing::Server};

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

/// One card of a pool.
#[derive(Debug, Default)]
pub(crate) struct Card {
    pub(crate) stations: Vec<Station>,
    /// Engines that compute.
    pub(crate) busy: u32,
}

impl Card {
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
