//! What the engines of a pool add up to.
//!
//! Pools may have thousands of engines and are looked at once a second, so the sums are kept up to date
//! as engines change. Only the blocks of the KV cache that are in use change by themselves: those are
//! asked for when somebody looks, of engines that compute.

use connector::Timestamp;

use crate::{card::Card, serving::Engine};

/// What an engine told when it changed last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(super) running: u32,
    pub(super) waiting: u32,
    computes: bool,
    pub(super) kv_blocks: u64,
    pub(super) recomputations: u64,
    pub(super) prefix_asked: u64,
    pub(super) prefix_found: u64,
}

impl Told {
    fn by(engine: &Engine) -> Self {
        let tally = engine.tally();
        Self {
            running: engine.running(),
            waiting: engine.waiting(),
            computes: engine.is_busy(),
            kv_blocks: engine.kv_blocks().unwrap_or(0),
            recomputations: tally.preemptions,
            prefix_asked: tally.content_asked,
            prefix_found: tally.content_found,
        }
    }
}

/// See the module text.
#[derive(Debug)]
pub(super) struct Sums {
    /// The sum of what all engines told; of these only numbers.
    pub(super) told: Told,
    /// By card, how many of its engines compute.
    computing: Vec<u32>,
}

impl Sums {
    pub(super) fn new(cards: usize) -> Self {
        Self { told: Told::default(), computing: vec![0; cards] }
    }

    /// Takes note of an engine of this card that may have changed.
    #[inline]
    pub(super) fn update(&mut self, card: usize, told: &mut Told, engine: &Engine) {
        let was = std::mem::replace(told, Told::by(engine));
        if was == *told {
            return;
        }
        let sum = &mut self.told;
        sum.running = sum.running + told.running - was.running;
        sum.waiting = sum.waiting + told.waiting - was.waiting;
        sum.kv_blocks = sum.kv_blocks + told.kv_blocks - was.kv_blocks;
        sum.recomputations += told.recomputations - was.recomputations;
        sum.prefix_asked += told.prefix_asked - was.prefix_asked;
        sum.prefix_found += told.prefix_found - was.prefix_found;
        let computing = &mut self.computing[card];
        *computing = *computing + u32::from(told.computes) - u32::from(was.computes);
    }

    /// Blocks of the KV cache in use now.
    pub(super) fn kv_blocks_in_use(&self, now: Timestamp, cards: &[Card]) -> u64 {
        let computing = cards.iter().zip(&self.computing).filter(|(_, engines)| **engines > 0);
        let engines = computing.flat_map(|(card, _)| &card.stations).map(|of| &of.engine);
        engines.filter_map(|engine| engine.kv_cache(now)).map(|(_, in_use)| in_use).sum()
    }
}
