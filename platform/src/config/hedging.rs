use connector::{BasisPoints, Duration};

/// When a request that takes long is sent a second time, the first answer being the one that counts.
///
/// A hedge is sent to the best other candidate of the same model that would take it at once. It costs
/// one token of the retry budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgingConfig {
    /// How long the first strike may take.
    pub after: HedgeAfter,
    /// What is awaited for so long, and which event decides who has won.
    pub measure: HedgeMeasure,
    /// Whether the same pool is asked for another share if no other candidate takes the hedge.
    pub same_pool: bool,
}

/// How long the first strike may take before it is hedged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// Always as long; above zero.
    Fixed(Duration),
    /// As long as this share of the strikes of the same model on the same cable took lately; from 1 %
    /// to 99.99 %. Nothing is hedged before that is known.
    Quantile(BasisPoints),
}

/// What of a strike is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeMeasure {
    /// From asking for the share to the first token. Whoever makes the first token wins; a strike that
    /// has made one is not hedged any more.
    FirstToken,
    /// From asking for the share to the whole answer.
    EndToEnd,
}

impl Default for HedgingConfig {
    /// After the 95th percentile of the time to the first token, on other pools.
    fn default() -> Self {
        Self {
            after: HedgeAfter::Quantile(BasisPoints::from_percent(95)),
            measure: HedgeMeasure::FirstToken,
            same_pool: false,
        }
    }
}
