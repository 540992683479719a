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
//! Each pair of model and cable has the [`Quantile`] of what its strikes take at present. A strike that
//! begins alone gets that long; when it is over, the platform looks for somebody else to ask
//! (`platform::hedge`).
//!
//! A slow strike that loses against its hedge is called off, so what it would have taken stays unknown;
//! the quantile asks only whether it was slow, and learns that at once. Every strike that begins alone
//! is judged once: slow when its time is over, or in time when what was awaited has come. Those that
//! fail before their time is over are not judged, nor are hedges: those that are called off early would
//! make the cable look fast.
//!
//! # Edges
//!
//! The time is over when it is by the quantile of then: if that has risen meanwhile, the strike gets the
//! rest. Otherwise all that are under way when a pool stalls would be hedged, and the quantile would
//! rise by a step for each of them.
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

    /// A strike took so long that nothing was known of what is usual when it began.
    pub(crate) fn first_times(&mut self, cable: CableId, model: ModelId, took: Duration) {
        if let HedgeAfter::Quantile(share) = self.config.after {
            let measured = &mut self.measured[(cable, model)];
            measured.get_or_insert_with(|| Quantile::new(share)).first_times(took);
        }
    }

    /// A strike took so long, within its patience.
    pub(crate) fn in_time(&mut self, cable: CableId, model: ModelId, took: Duration) {
        if let Some(measured) = &mut self.measured[(cable, model)] {
            measured.in_time(took);
        }
    }

    /// A strike takes longer than its patience.
    pub(crate) fn slower(&mut self, cable: CableId, model: ModelId) {
        if let Some(measured) = &mut self.measured[(cable, model)] {
            measured.slower();
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
