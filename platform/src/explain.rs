//! Why a request goes where it goes, in figures.

use connector::{
    BasisPoints, CableId, ClassId, Duration, ModelId, Money, PoolId, RequestId, Timestamp,
};

use crate::{breaker::BreakerState, covenant::Targets};

/// A decision of the router, taken apart. Computed on demand; nothing is changed by asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The request.
    pub request: RequestId,
    /// When it is decided.
    pub at: Timestamp,
    /// The class that the request belongs to.
    pub class: ClassId,
    /// Name of the rule, as in scenarios.
    pub rule: &'static str,
    /// What the covenant promises.
    pub targets: Targets,
    /// Every candidate: first those that the rule ranks, best first, then those left out.
    pub candidates: Vec<Candidacy>,
}

/// What speaks for and against one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidacy {
    /// The model.
    pub model: ModelId,
    /// The pool.
    pub pool: PoolId,
    /// The line to it.
    pub cable: CableId,
    /// Price of one share for an hour.
    pub price_per_slot_hour: Money,
    /// What the request is expected to cost there.
    pub cost: Money,
    /// Predicted, from arrival: the rule's quantile where it was measured, or else the stated time.
    pub first_token: Duration,
    /// Predicted, per token after the first.
    pub per_output_token: Duration,
    /// Predicted, from arrival to the whole answer.
    pub end_to_end: Duration,
    /// Whether predictions rest on measurements and not only on what is stated.
    pub measured: bool,
    /// Largest predicted excess over a target, as a share of it; 0 keeps the covenant. `None`: the
    /// rule does not predict.
    pub breach: Option<BasisPoints>,
    /// Strikes under way.
    pub in_flight: u32,
    /// Requests in line.
    pub queued: u32,
    /// Strikes at once; `None`: no limit.
    pub places: Option<u32>,
    /// Whether its breaker lets strikes through.
    pub breaker: BreakerState,
    /// What becomes of it.
    pub standing: Standing,
}

/// What becomes of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes the request at once.
    Chosen,
    /// It is chosen, and waited for in line.
    ChosenInLine,
    /// It comes after the one chosen.
    Behind,
    /// It is passed over: its breaker is open.
    BreakerOpen,
    /// It is passed over: all places are taken, and another one takes the request at once.
    Busy,
    /// It is no candidate: above the cost ceiling of the first choice, a fallback where there is to be
    /// none, or ruled out by the covenant.
    LeftOut,
}

impl Standing {
    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::ChosenInLine => "chosen, in line",
            Self::Behind => "behind",
            Self::BreakerOpen => "breaker open",
            Self::Busy => "no free place",
            Self::LeftOut => "left out",
        }
    }

    /// Whether the request goes there.
    pub const fn is_chosen(self) -> bool {
        matches!(self, Self::Chosen | Self::ChosenInLine)
    }
}
