//! Why a request goes where it goes, in figures.

use connector::{
    BasisPoints, CableId, ClassId, Duration, ModelId, Money, PoolId, RequestId, TenantId,
    Timestamp, Tokens,
};

use crate::{
    breaker::BreakerState,
    classify::Reason,
    covenant::{Objection, Terms},
};

/// A decision of the router, taken apart. Computed on demand; nothing is changed by asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The request.
    pub request: RequestId,
    /// When it is decided.
    pub at: Timestamp,
    /// Who asks.
    pub tenant: TenantId,
    /// Length of the prompt.
    pub prompt_tokens: Tokens,
    /// Length of the answer, as far as it is known.
    pub output_tokens: Tokens,
    /// The class that the request belongs to.
    pub class: ClassId,
    /// How complex it is, and what decided on the class. Where a model is to be asked first, what is
    /// made of the request without its answer.
    pub score: BasisPoints,
    /// What decided on the class.
    pub reason: Reason,
    /// Name of the rule, as in scenarios.
    pub rule: &'static str,
    /// Which quantile of what was measured predictions are; `None`: the rule does not predict.
    pub quantile: Option<BasisPoints>,
    /// The covenant: the request's terms over its tenant's over its tier's.
    pub terms: Terms,
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
    /// Its place in the order of the rule, from 1; `None`: it is left out.
    pub rank: Option<u32>,
    /// What the covenant has against it. One that is only too slow serves after all when nothing is
    /// left to give up.
    pub objection: Option<Objection>,
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
    /// It is put aside: it cannot keep the covenant.
    PutAside,
    /// It is passed over: even an idle card of it would be too late.
    NoTime,
    /// It is no candidate: above the cost ceiling of the first choice, or a fallback where there is to
    /// be none.
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
            Self::PutAside => "put aside",
            Self::NoTime => "too little time",
            Self::LeftOut => "left out",
        }
    }

    /// Whether the request goes there.
    pub const fn is_chosen(self) -> bool {
        matches!(self, Self::Chosen | Self::ChosenInLine)
    }
}
