use crate::{
    AllocationId, Duration, Error, Mebibytes, ModelId, Money, PoolId, PoolKind, Requirements,
    SecurityLevel, ShareUsages, Ticket, Timestamp, Tokens,
};

/// Something that happened on the far side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened (simulated) or was received (live).
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The one and only answer to a ticket.
    Completed {
        /// The question's ticket.
        ticket: Ticket,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// The first content token of an inference that asked for a stream.
    FirstToken {
        /// The inference's ticket.
        ticket: Ticket,
    },
    /// How far an inference is that asked to be told: from time to time, and before it fails.
    ///
    /// It is never told again of fewer tokens, nor after the answer. A far side that cannot tell
    /// says nothing.
    Progress {
        /// The inference's ticket.
        ticket: Ticket,
        /// Tokens of the answer that are out, at least one.
        tokens: Tokens,
        /// The text since the last time, where the provider makes text.
        text: Option<Box<str>>,
    },
    /// A held share will be taken away. Inferences that finish within the grace survive; the rest
    /// end with [`Preempted`](crate::ErrorKind::Preempted), and the share is gone afterwards.
    ///
    /// Providers without a notice channel skip this event and only fail the inferences. A provider
    /// that interrupts a share and goes on with it elsewhere says nothing: it is not taken away.
    Preempted {
        /// The share.
        allocation: AllocationId,
        /// How long it stays.
        grace: Duration,
    },
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A share is held from now on, and paid for until it is released.
    Granted {
        /// Its name.
        allocation: AllocationId,
    },
    /// The answer to a prompt.
    Generated {
        /// Tokens counted by the provider.
        usage: Usage,
        /// The text, where the provider makes text.
        text: Option<Box<str>>,
    },
    /// The inference was stopped.
    Cancelled,
    /// The share is no longer held.
    Released,
    /// One share.
    Inspected(AllocationInfo),
    /// The shares that the provider thinks we hold.
    Listed(Vec<AllocationInfo>),
    /// The pools on offer.
    Pools(Vec<PoolInfo>),
}

/// Tokens of one inference as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, with those that a cache held.
    pub prompt: Tokens,
    /// Prompt tokens that a cache held, so that they were not computed: at most `prompt`. Zero also
    /// where the provider does not say.
    pub cached: Tokens,
    /// Generated tokens.
    pub output: Tokens,
}

impl Usage {
    /// Of an inference whose whole prompt had to be computed.
    pub const fn computed(prompt: Tokens, output: Tokens) -> Self {
        Self { prompt, cached: Tokens::ZERO, output }
    }
}

/// A held share as the provider sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationInfo {
    /// Its name.
    pub allocation: AllocationId,
    /// Where it is.
    pub pool: PoolId,
    /// The model it was asked for, where the provider remembers.
    pub model: Option<ModelId>,
    /// What it was asked for, where the provider remembers.
    pub requirements: Option<Requirements>,
    /// Inferences running on it, where the provider says.
    pub running: Option<u32>,
    /// What it used lately, where the provider says.
    pub usage: Option<Box<ShareUsages>>,
}

/// A pool as the provider offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    /// Which.
    pub pool: PoolId,
    /// Its display name.
    pub name: Box<str>,
    /// How it is sold.
    pub kind: PoolKind,
    /// Shares not held by anybody.
    pub free_slots: u32,
    /// Memory of one card.
    pub card_vram: Mebibytes,
    /// Price of one share for an hour.
    pub price_per_slot_hour: Money,
    /// How strictly those on a card are kept apart, where the provider says.
    pub security_level: Option<SecurityLevel>,
}
