//! What a run says about itself: one record per finished request, and gauges of the pools.

use std::num::NonZero;

use crate::{
    ClassId, CovenantOutcome, Duration, ErrorKind, Mebibytes, ModelId, Money, PoolId, Rejection,
    RequestId, TenantId, Tflops, Timestamp, Tokens,
};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered in full.
    Completed,
    /// Every candidate failed; the kind of the last failure.
    Failed(ErrorKind),
    /// Never started: the platform's own bounds (queue full, waited too long, no candidate within
    /// the cost ceiling).
    Rejected,
    /// The caller went away.
    Cancelled,
}

impl Outcome {
    /// Stable name for tables and files; a failure reads as its kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(kind) => kind.name(),
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Which part a request is of a fan-out: of what a caller sends at once, to be done when the last part
/// is answered. Its parts arrive together and are numbered one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// Place among the parts, from 0.
    pub part: u16,
    /// How many parts there are.
    pub parts: NonZero<u16>,
}

impl FanOut {
    /// The first part, given the number of this one: it stands for the whole.
    ///
    /// # Panics
    /// If a request has a lower number than its place among the parts.
    pub fn first(self, request: RequestId) -> RequestId {
        RequestId(request.0 - u64::from(self.part))
    }
}

/// Everything a report needs to know about one finished request.
///
/// `None` means the request never got that far. Time to first token and end to end count from the
/// scheduled arrival, so that a slow generator cannot hide waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Number of the request in order of arrival.
    pub request: RequestId,
    /// Who asked.
    pub tenant: TenantId,
    /// What the classifier made of it.
    pub class: ClassId,
    /// The model of the last attempt.
    pub model: ModelId,
    /// The pool of the last attempt; `None` if no pool was ever asked.
    pub pool: Option<PoolId>,
    /// When it was scheduled to arrive.
    pub arrived: Timestamp,
    /// Time spent waiting in the platform's own queues, all attempts together.
    pub queued: Duration,
    /// Time from the question for a share to its grant, for the last attempt that was granted.
    pub allocating: Option<Duration>,
    /// When the first output token came.
    pub first_token: Option<Timestamp>,
    /// When the caller had the whole answer or the error.
    pub finished: Timestamp,
    /// Prompt tokens.
    pub prompt_tokens: Tokens,
    /// Tokens generated; 0 unless completed.
    pub output_tokens: Tokens,
    /// Strikes made, the successful one included.
    pub attempts: u16,
    /// Candidates beyond the first that were tried.
    pub fallbacks: u16,
    /// Attempts that were hedges: second strikes beside one that took long.
    pub hedges: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Which of the platform's bounds it met; `None` unless rejected.
    pub rejection: Option<Rejection>,
    /// What the held share costs at the pool's price, all attempts together.
    pub cost: Money,
    /// What became of what it was promised.
    pub covenant: CovenantOutcome,
    /// Which part it was of what its caller sent at once; `None` if it was sent alone.
    pub fan_out: Option<FanOut>,
}

impl RequestRecord {
    /// Time to first token (TTFT), from arrival to the first output token.
    pub fn time_to_first_token(&self) -> Option<Duration> {
        Some(self.first_token?.since(self.arrived))
    }

    /// Time per output token (TPOT): from first token to the end, per token after the first.
    /// `None` for answers of fewer than two tokens.
    pub fn time_per_output_token(&self) -> Option<Duration> {
        let after_first = u64::from(self.output_tokens.get()).checked_sub(1).filter(|&n| n > 0)?;
        Some(self.finished.since(self.first_token?) / after_first)
    }

    /// Time from arrival to the end.
    pub fn end_to_end(&self) -> Duration {
        self.finished.since(self.arrived)
    }
}

/// The state of one pool. The integrals only grow, so any two gauges give exact means between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolGauge {
    /// Which pool.
    pub pool: PoolId,
    /// Cards in service.
    pub cards: u32,
    /// Shares on offer: cards in service x sharing ratio.
    pub slots: u32,
    /// Shares held.
    pub slots_held: u32,
    /// Inferences that a card is working on.
    pub running: u32,
    /// Inferences accepted but waiting for a place in a batch.
    pub waiting: u32,
    /// Memory of the cards in service.
    pub vram: Mebibytes,
    /// Memory promised to shares; above `vram` when overcommitted.
    pub vram_promised: Mebibytes,
    /// Compute of the cards in service.
    pub tflops: Tflops,
    /// Compute promised to shares; above `tflops` when overcommitted.
    pub tflops_promised: Tflops,
    /// Integral of cards that were computing, in card-nanoseconds since the start.
    pub busy_card_ns: u128,
    /// Integral of cards in service, in card-nanoseconds since the start.
    pub card_ns: u128,
    /// Integral of shares held, in slot-nanoseconds since the start: what the provider charges.
    pub held_slot_ns: u128,
    /// Shares taken away from their holders so far.
    pub preemptions: u64,
    /// What became of those of them that the provider kept alive.
    pub set_aside: SetAside,
    /// Sequences that lost their KV blocks so far, to be recomputed; each as often as it did.
    pub recomputations: u64,
    /// Blocks of prompts (hash ids) that were looked up in the prefix caches so far.
    pub prefix_asked: u64,
    /// Those that were found there.
    pub prefix_found: u64,
    /// Integral of cards that were changing from one tenant to the next, paging included, in
    /// card-nanoseconds since the start.
    pub changing_card_ns: u128,
    /// Bytes paged in and out so far.
    pub paged_bytes: u64,
    /// KV blocks of the models whose weights are on cards; endless caches are left out.
    pub kv_blocks: u64,
    /// Those of them that sequences hold.
    pub kv_blocks_in_use: u64,
    /// How it scales; `None` for a pool whose cards are always there.
    pub scaling: Option<PoolScaling>,
}

/// The state of a pool whose cards come and go by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolScaling {
    /// Cards that should be in service.
    pub wanted: u32,
    /// Cards on their way.
    pub coming: u32,
    /// Cards that are there to spare and take no shares.
    pub spare: u32,
    /// How often so far the number wanted was raised.
    pub scaled_out: u64,
    /// How often it was lowered.
    pub scaled_in: u64,
}

/// Shares that were taken away but not lost: they wait for another place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAside {
    /// Those that wait now.
    pub waiting: u32,
    /// Shares that were set aside so far; each as often as it was.
    pub requeued: u64,
    /// Those that got another place.
    pub resumed: u64,
    /// Tokens that their inferences had computed and lost.
    pub recomputed_tokens: u64,
}

/// What the provider will charge one tenant for in one pool, as the provider thinks it held, from
/// the start of the run. The units are those of the platform's own meter, so that the two books can
/// be laid side by side.
///
/// Time in which a share was held without the platform's knowledge or consent is counted in the
/// total and once more by its reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderUsage {
    /// Where.
    pub pool: PoolId,
    /// On whose behalf the shares were asked for.
    pub tenant: TenantId,
    /// Shares x time, from the grant to the end of the release, in slot-nanoseconds.
    pub slot_ns: u128,
    /// Promised memory x the same time, in MiB-nanoseconds.
    pub mebibyte_ns: u128,
    /// Promised compute x the same time, in FLOP (GFLOPS x ns).
    pub flop: u128,
    /// The same time at the pool's price, rounded once.
    pub cost: Money,
    /// Of `slot_ns`: after the grant, while its answer was under way.
    pub untold_slot_ns: u128,
    /// Of `slot_ns`: shares whose grant was never told (ghosts), until their release was asked for.
    pub ghost_slot_ns: u128,
    /// Of `slot_ns`: after the release was asked for, until it was done.
    pub releasing_slot_ns: u128,
    /// Shares held now.
    pub slots_held: u32,
    /// Prompt tokens of inferences that were finished.
    pub prompt_tokens: u128,
    /// Tokens made by inferences that were finished. A meter of use: it may disagree with the time
    /// held, as an unused share shows.
    pub output_tokens: u128,
}

/// Times between two consecutive tokens of an answer: so many of one length, of one model in one
/// pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenGaps {
    /// Where the tokens were made.
    pub pool: PoolId,
    /// By which model.
    pub model: ModelId,
    /// How long each of them took; may be rounded up by at most 1 % or a microsecond.
    pub gap: Duration,
    /// How many there were.
    pub count: u64,
}
