use std::fmt;

use connector::{ClassId, ModelId, PoolId, PricingUnit, RequestId, TenantId, Timestamp};

/// Identity of a record, the same however often and however late it is told. Whoever meters makes
/// it of what identifies the attempt, never of a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(pub u128);

/// One attempt to serve a request, numbered from 0 in order of start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrikeId(pub u64);

impl fmt::Display for StrikeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much of one meter was used, in the meter's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub u128);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum; `None` out of range.
    pub fn checked_add(self, rhs: Self) -> Option<Self> {
        self.0.checked_add(rhs.0).map(Self)
    }

    /// The difference; `None` below zero.
    pub fn checked_sub(self, rhs: Self) -> Option<Self> {
        self.0.checked_sub(rhs.0).map(Self)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What came of a piece of work: delivered, or one kind of waste.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UseKind {
    /// The tenant got the answer.
    Delivered,
    /// The client went away; what was made until then.
    Disconnected,
    /// The provider took the share away.
    Preempted,
    /// The other of two strikes at one request was faster.
    Hedged,
    /// It failed, and the request went on elsewhere or failed as well.
    Retried,
    /// A share that the provider granted and the platform did not know of.
    Ghost,
    /// A share held warm for nobody.
    Idle,
}

impl UseKind {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Disconnected,
        Self::Preempted,
        Self::Hedged,
        Self::Retried,
        Self::Ghost,
        Self::Idle,
    ];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Disconnected => "disconnected",
            Self::Preempted => "preempted",
            Self::Hedged => "hedged",
            Self::Retried => "retried",
            Self::Ghost => "ghost",
            Self::Idle => "idle",
        }
    }
}

/// What is counted, each in whole steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Prompt tokens that had to be computed.
    InputTokens,
    /// Prompt tokens that a cache held.
    CachedTokens,
    /// Tokens of the answer.
    OutputTokens,
    /// Requests.
    Requests,
    /// Shares held, in slot-nanoseconds.
    SlotTime,
    /// Promised compute while shares were held, in FLOP (GFLOPS x ns).
    Compute,
    /// Promised memory while shares were held, in MiB-nanoseconds.
    Memory,
    /// Time spent in lines, in nanoseconds.
    QueueTime,
    /// Time spent waiting for a share to become ready, in nanoseconds.
    ColdStartTime,
}

impl Meter {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 9] = [
        Self::InputTokens,
        Self::CachedTokens,
        Self::OutputTokens,
        Self::Requests,
        Self::SlotTime,
        Self::Compute,
        Self::Memory,
        Self::QueueTime,
        Self::ColdStartTime,
    ];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputTokens => "input_tokens",
            Self::CachedTokens => "cached_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Requests => "requests",
            Self::SlotTime => "slot_time",
            Self::Compute => "compute",
            Self::Memory => "memory",
            Self::QueueTime => "queue_time",
            Self::ColdStartTime => "cold_start_time",
        }
    }

    /// What its prices are for one of.
    pub const fn unit(self) -> PricingUnit {
        match self {
            Self::InputTokens | Self::CachedTokens | Self::OutputTokens => PricingUnit::Million,
            Self::Requests => PricingUnit::Piece,
            Self::SlotTime | Self::QueueTime | Self::ColdStartTime => PricingUnit::Hour,
            Self::Compute => PricingUnit::TflopsHour,
            Self::Memory => PricingUnit::GibHour,
        }
    }

    /// Whether it grows with time, so that a record is divided where a price changes; the others
    /// are charged as of the record's start.
    pub const fn grows_with_time(self) -> bool {
        match self {
            Self::InputTokens | Self::CachedTokens | Self::OutputTokens | Self::Requests => false,
            Self::SlotTime
            | Self::Compute
            | Self::Memory
            | Self::QueueTime
            | Self::ColdStartTime => true,
        }
    }
}

/// What one record counted. Fields as in [`Meter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meters {
    /// See [`Meter::InputTokens`].
    pub input_tokens: u64,
    /// See [`Meter::CachedTokens`].
    pub cached_tokens: u64,
    /// See [`Meter::OutputTokens`].
    pub output_tokens: u64,
    /// See [`Meter::Requests`].
    pub requests: u64,
    /// See [`Meter::SlotTime`].
    pub slot_ns: u128,
    /// See [`Meter::Compute`].
    pub flop: u128,
    /// See [`Meter::Memory`].
    pub mebibyte_ns: u128,
    /// See [`Meter::QueueTime`].
    pub queue_ns: u64,
    /// See [`Meter::ColdStartTime`].
    pub cold_start_ns: u64,
}

impl Meters {
    /// What one of the meters shows.
    pub const fn get(&self, meter: Meter) -> Quantity {
        Quantity(match meter {
            Meter::InputTokens => self.input_tokens as u128,
            Meter::CachedTokens => self.cached_tokens as u128,
            Meter::OutputTokens => self.output_tokens as u128,
            Meter::Requests => self.requests as u128,
            Meter::SlotTime => self.slot_ns,
            Meter::Compute => self.flop,
            Meter::Memory => self.mebibyte_ns,
            Meter::QueueTime => self.queue_ns as u128,
            Meter::ColdStartTime => self.cold_start_ns as u128,
        })
    }
}

/// What one attempt used, or a part of it that came to the same end.
///
/// Two records of one key are the same record; if they differ, one of them is a mistake, and rating
/// says so instead of choosing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsageRecord {
    /// Identity.
    pub key: RecordKey,
    /// When the use began: the period and the price of what does not grow with time.
    pub from: Timestamp,
    /// When it ended; not before `from`.
    pub until: Timestamp,
    /// On whose behalf.
    pub tenant: TenantId,
    /// The class of the covenant.
    pub class: ClassId,
    /// For what.
    pub model: ModelId,
    /// Where.
    pub pool: PoolId,
    /// By which attempt.
    pub strike: StrikeId,
    /// At which request; `None` of shares that were at work for none, idle or left running.
    pub request: Option<RequestId>,
    /// What came of it.
    pub kind: UseKind,
    /// How much.
    pub meters: Meters,
}
