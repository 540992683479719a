use std::sync::Arc;

use connector::{
    CableId, ClassId, Concessions, Content, Duration, Event, FanOut, ModelId, Operation, Outcome,
    RequestId, RequestRecord, TenantId, Ticket, Timestamp, Tokens,
};

use crate::{
    billing::{LeaseRecord, UsageRecord},
    breaker::Control,
    covenant::Terms,
};

/// What a tenant sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number in order of arrival, unique in a run.
    pub id: RequestId,
    /// Who asks.
    pub tenant: TenantId,
    /// When it was scheduled to arrive; latencies count from here.
    pub arrived: Timestamp,
    /// Length of the prompt.
    pub prompt_tokens: Tokens,
    /// Length of the answer: what a trace says was generated, or the caller's maximum.
    pub output_tokens: Tokens,
    /// What is known of the prompt beyond its length.
    pub content: Content,
    /// The class, where the sender knows it; otherwise the classifier decides.
    pub class: Option<ClassId>,
    /// The model, where the sender insists on one.
    pub model: Option<ModelId>,
    /// How long the caller waits for a place, counted from the arrival; then it goes away. `None`:
    /// as long as the platform lets it wait.
    pub patience: Option<Duration>,
    /// What this request is promised, where it states more or other than its tenant does.
    pub terms: Option<Arc<Terms>>,
    /// Which part it is of what its caller sends at once; only told on, in its record.
    pub fan_out: Option<FanOut>,
}

/// What the platform can be told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request arrives.
    Request(Request),
    /// Something happened at the far end of a cable. Where one connector serves several cables, the
    /// event may name any of them: answers are known by their tickets.
    Event(CableId, Event),
    /// The caller of this request went away.
    Cancel(RequestId),
    /// All callers went away.
    CancelAll,
    /// An operator takes a breaker in hand.
    Breaker(CableId, Control),
    /// Only time has passed.
    Wake,
    /// No more requests are taken and nothing new is started: everything held is given back.
    Drain,
}

/// What the platform wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Hand this operation to the connector at the far end of the cable.
    Submit {
        /// Which cable.
        cable: CableId,
        /// The ticket to answer with.
        ticket: Ticket,
        /// What to do.
        operation: Operation,
    },
    /// Answer the caller.
    Respond(Response),
    /// A request is finished: its record.
    Record(RequestRecord),
    /// What an attempt used, or a share that was at work for nobody. Only where somebody
    /// [listens](crate::Platform::telling_books).
    Usage(UsageRecord),
    /// The release of a share is asked for: since when it was held. Only where somebody listens.
    Lease(LeaseRecord),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Which request.
    pub request: RequestId,
    /// How it ended.
    pub outcome: Outcome,
    /// The text, where the provider makes text.
    pub text: Option<Box<str>>,
    /// Why it failed, for people; `None` when completed.
    pub reason: Option<Box<str>>,
    /// How long to wait before asking again, where the platform knows.
    pub retry_after: Option<Duration>,
    /// What was given up by agreement, so that nothing is degraded silently.
    pub given_up: Concessions,
}

/// What a tenant used, in integers that add up in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Requests answered in full.
    pub completed: u64,
    /// Prompt tokens of answered requests.
    pub prompt_tokens: u128,
    /// Output tokens of answered requests.
    pub output_tokens: u128,
    /// Promised compute x time held, in FLOP (GFLOPS x ns).
    pub flop: u128,
    /// Promised memory x time held, in MiB x ns.
    pub mebibyte_ns: u128,
    /// Shares x time held, in slot x ns.
    pub slot_ns: u128,
    /// The same time at the pools' prices, in 10^-9 of the currency unit.
    pub cost: connector::Money,
}
