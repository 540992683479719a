//! When a strike has taken so long that a second one is worth its price.
//!
//! # Problem
//!
//! A request that meets a slow card waits for it although others are idle. Sending everything twice
//! costs everything twice; sending a second time only what has taken longer than nearly everything does
//! costs a few percent and cuts the tail, because both strikes are rarely slow.
//!
//! # Mechanism
//!
//! Each pair of model and cable has the [`Quantile`] of what its strikes took lately. A strike that
//! begins alone gets that long; when it is over, the platform looks for somebody else to ask
//! (`platform::hedge`).
//!
//! A slow strike that loses against its hedge is called off, so what it would have taken stays unknown.
//! It counts with the time that it has taken so far, which is above the quantile; leaving it out would
//! lower the quantile, so that more is hedged, which lowers it further. Hedges themselves are not
//! measured: those that are called off early would make the cable look fast.
//!
//! # Source
//!
//! Dean and Barroso, "The Tail at Scale", CACM 2013: hedged requests after the 95th percentile.

use connector::{CableId, Duration, ModelId};

use crate::{
    config::{HedgeAfter, HedgeMeasure, HedgingConfig, PlatformConfig},
    per_pair::PerPair,
    quantile::Quantile,
};

/// See the module text.
#[derive(Debug)]
pub(crate) struct Hedging {
    config: HedgingConfig,
    /// Only what is used has the room for it.
    measured: PerPair<Option<Quantile>>,
}

impl Hedging {
    /// `None` where nothing is hedged.
    pub(crate) fn new(config: &PlatformConfig) -> Option<Self> {
        let measured = PerPair::new(config.cables.len(), config.models.len(), None);
        Some(Self { config: config.hedging?, measured })
    }

    /// How long a strike may take before it is hedged; `None` while that is not known.
    pub(crate) fn patience(&self, cable: CableId, model: ModelId) -> Option<Duration> {
        match self.config.after {
            HedgeAfter::Fixed(time) => Some(time),
            HedgeAfter::Quantile(_) => self.measured[(cable, model)].as_ref()?.value(),
        }
    }

    /// A strike took so long, or was still under way after so long when it should have been over.
    pub(crate) fn observe(&mut self, cable: CableId, model: ModelId, took: Duration) {
        if let HedgeAfter::Quantile(share) = self.config.after {
            self.measured[(cable, model)].get_or_insert_with(|| Quantile::new(share)).observe(took);
        }
    }

    /// Whether the first token decides, and not the whole answer.
    pub(crate) fn first_token_decides(&self) -> bool {
        self.config.measure == HedgeMeasure::FirstToken
    }

    pub(crate) const fn same_pool(&self) -> bool {
        self.config.same_pool
    }
}
