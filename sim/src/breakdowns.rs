//! Hardware that fails and is repaired: cards, nodes, and what many cards have in common.
//!
//! # Mechanism
//!
//! Each thing that can fail is an alternating renewal process with a random stream of its own; its
//! clock runs whether its cards are in service or not. What fails takes its cards away at once, and
//! they are back when it is repaired; a card is there when nothing that it depends on is broken. With
//! exponential times that is the machine-repair model with as many repairers as machines.
//!
//! What many cards have in common fails by the *binomial failure rate* model: shocks come at random,
//! and each card is hit with the same chance (Vesely, "Estimating common cause failure probabilities
//! in reliability and risk analyses: Marshall-Olkin specializations", 1977).
//!
//! # Edges
//!
//! Everything works when the run begins. A chance that hits nobody is a shock all the same.

use std::ops::Range;

use connector::{BasisPoints, Duration};

use crate::{
    config::{FailuresConfig, Spells},
    random::{Stream, Streams},
    renewal::Renewal,
    standing::Cause,
};

/// Everything of a pool that can fail.
#[derive(Debug)]
pub(crate) struct Breakdowns {
    parts: Vec<Part>,
}

/// Something that can fail.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) cause: Cause,
    /// Cards that are away because of it.
    pub(crate) taken: Vec<usize>,
    cards: Range<usize>,
    /// The chance of each card to be hit; `None`: all are.
    share: Option<(BasisPoints, Stream)>,
    renewal: Renewal,
}

impl Breakdowns {
    pub(crate) fn new(config: &FailuresConfig, cards: u32, pool: &str, streams: Streams) -> Self {
        let cards = cards as usize;
        let renewal = |spells: Spells, what: &str| {
            Renewal::new(spells, streams.stream(&format!("failures/{pool}/{what}")))
        };
        let part = |cause, cards: Range<usize>, share, renewal| {
            let taken = Vec::new();
            Part { cause, taken, cards, share, renewal }
        };
        let mut parts = Vec::new();
        if let Some(spells) = config.card {
            parts.extend((0..cards).map(|card| {
                let renewal = renewal(spells, &format!("card/{card}"));
                part(Cause::Failure, card..card + 1, None, renewal)
            }));
        }
        if let Some(node) = config.node {
            let size = node.cards as usize;
            parts.extend((0..cards.div_ceil(size)).map(|index| {
                let renewal = renewal(node.spells, &format!("node/{index}"));
                let of_node = index * size..(index * size + size).min(cards);
                part(Cause::NodeFailure, of_node, None, renewal)
            }));
        }
        if let Some(common) = config.common {
            let share = (common.share, streams.stream(&format!("failures/{pool}/hit")));
            let renewal = renewal(common.spells, "common");
            parts.push(part(Cause::CommonFailure, 0..cards, Some(share), renewal));
        }
        Self { parts }
    }

    pub(crate) fn parts(&mut self) -> &mut [Part] {
        &mut self.parts
    }
}

impl Part {
    /// How long it works, from now on.
    pub(crate) fn works(&mut self) -> Duration {
        self.renewal.up()
    }

    /// It breaks: how long the repair takes, and which cards are hit.
    pub(crate) fn breaks(&mut self) -> (Duration, Vec<usize>) {
        let cards = self.cards.clone();
        self.taken = match &mut self.share {
            Some((share, stream)) => cards.filter(|_| stream.chance(*share)).collect(),
            None => cards.collect(),
        };
        (self.renewal.down(), self.taken.clone())
    }
}
