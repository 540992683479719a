//! How the models on a card share it.

use connector::{BasisPoints, Duration, Mebibytes, SecurityLevel};

use super::Latency;

/// A rule of sharing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SharingConfig {
    /// In turns, as HostedAI does it: the card belongs to one of them for a quantum of time.
    Turns(TurnsConfig),
    /// All that have work at once, in equal parts, as under NVIDIA's Multi-Process Service. An idle
    /// one's part goes to the others. Nothing is paged.
    Spatial {
        /// What each loses for every other one that computes: with `k` of them each has
        /// `1 / (k (1 + interference (k - 1)))` of the card.
        interference: f64,
        /// Whether parts are not equal but in proportion to the compute that the shares of each asked
        /// for. Neighbours, and shares that asked for none, count as one share's part of a
        /// card.
        by_compute: bool,
    },
    /// Each share has its part of the compute and of the memory, as Multi-Instance GPU cuts a card;
    /// what one leaves idle is lost.
    Slices,
}

impl Default for SharingConfig {
    fn default() -> Self {
        Self::Turns(TurnsConfig::default())
    }
}

/// Sharing by time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnsConfig {
    /// How long a turn lasts, as long as somebody else wants the card. Documented default: 30 s.
    pub quantum: Duration,
    /// Whether the quantum begins when the card is granted or when everything is on it. Not
    /// documented.
    pub quantum_begins: QuantumBegins,
    /// What changing from one to the other takes, beside paging. Not documented.
    pub switch: Duration,
    /// How strictly those who share are kept apart. Documented default: low; the meaning is ours.
    pub isolation: SecurityLevel,
    /// At [`SecurityLevel::Low`]: those whose working sets fit on the card together compute at once, as
    /// in [`SharingConfig::Spatial`] with this interference. `None`: never. Not documented.
    pub overlap: Option<f64>,
    /// How memory is paged. Documented: that it is.
    pub paging: PagingConfig,
}

impl Default for TurnsConfig {
    fn default() -> Self {
        Self {
            quantum: Duration::from_secs(30),
            quantum_begins: QuantumBegins::WhenReady,
            switch: Duration::ZERO,
            isolation: SecurityLevel::Low,
            overlap: None,
            paging: PagingConfig::default(),
        }
    }
}

/// When a quantum begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantumBegins {
    /// When the card is granted: paging is part of it, up to nine tenths.
    WhenGranted,
    /// When everything is on the card.
    WhenReady,
}

/// Memory of a card that is promised more than once is kept in system memory while others use the
/// card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PagingConfig {
    /// Bandwidth of the host's link in either direction, bytes per second. Not documented.
    pub bandwidth: f64,
    /// Whether pages leave and arrive at the same time. Not documented.
    pub overlapped: bool,
    /// After so long without work everything is in system memory. `None`: only if others need the
    /// room. Documented: that it is paged out when it is opportune.
    pub idle_after: Option<Duration>,
    /// System memory per card for what is paged out. `None`: enough.
    pub host_memory: Option<Mebibytes>,
    /// What happens when that does not suffice. Not documented.
    pub host_full: HostFull,
}

/// What happens when system memory does not suffice for what is paged out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostFull {
    /// It never comes to that: shares beyond it and the card are refused.
    #[default]
    Refuse,
    /// The serving process that has most of it is killed, as Linux's out-of-memory killer does, and
    /// starts anew: its inferences are lost, its shares stay.
    Kill,
}

impl Default for PagingConfig {
    fn default() -> Self {
        Self {
            bandwidth: 25e9,
            overlapped: false,
            idle_after: None,
            host_memory: None,
            host_full: HostFull::default(),
        }
    }
}

/// Load of other customers on the cards of a pool: on every card, one that works and rests by turns.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighbourConfig {
    /// Time of the whole card that a piece of work takes. `None`: it always has work.
    pub busy: Option<Latency>,
    /// Rest between two pieces of work.
    pub idle: Latency,
    /// Memory that it has in use.
    pub working_set: Mebibytes,
    /// HostedAI's `guaranteed_gpu_share_percent`.
    pub guaranteed: BasisPoints,
    /// HostedAI's `is_vip_priority`.
    pub vip: bool,
}
