use std::collections::VecDeque;

use connector::{CableId, Outcome, Timestamp};

use crate::{
    breaker::BreakerState,
    cable::{CableStatistics, CableStatus},
    config::{ConfigError, PlatformConfig},
    interface::{Input, Meter, Output, Response},
};

/// The platform as one state machine: *handle an input at `now`, drain the outputs, ask when to
/// look again*.
///
/// # Contract
///
/// * `now` never goes back between calls.
/// * After every [`handle`](Self::handle), drain [`poll_output`](Self::poll_output) until `None`.
/// * When [`deadline`](Self::deadline) is reached and everything that happened by then was handed
///   over, call `handle` with [`Input::Wake`]. Time-outs fire on wake-ups only, so an answer that
///   comes at the very instant of its time-out is in time. An early wake-up is a no-op.
/// * Every request is answered by exactly one [`Output::Respond`] and one [`Output::Record`].
#[derive(Debug)]
pub struct Platform {
    cables: usize,
    meters: Vec<Meter>,
    outputs: VecDeque<Output>,
}

impl Platform {
    /// A platform at rest.
    ///
    /// # Errors
    /// The first thing in `config` that cannot be.
    pub fn new(config: PlatformConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            cables: config.cables.len(),
            meters: vec![Meter::default(); config.tenants.len()],
            outputs: VecDeque::new(),
        })
    }

    /// Takes note of something that happened at `now`.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        let _ = now;
        if let Input::Request(request) = input {
            self.outputs.push_back(Output::Respond(Response {
                request: request.id,
                outcome: Outcome::Rejected,
                text: None,
                reason: None,
            }));
        }
    }

    /// The next thing to be done, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to wake the platform; `None` while it waits for nothing but input.
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// What each tenant used, in the order of [`TenantId`](connector::TenantId).
    pub fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// Requests not answered yet.
    pub fn in_flight(&self) -> usize {
        0
    }

    /// Shares that the platform holds or may hold: asked for and not answered, granted, release
    /// not confirmed, or in doubt. Zero after a drain means that nothing was leaked.
    pub fn held(&self) -> usize {
        0
    }

    /// The state of every cable, in the order of [`CableId`].
    pub fn cables(&self) -> impl Iterator<Item = CableStatus> + '_ {
        (0..self.cables).map(|index| self.cable(CableId(index as u32)))
    }

    /// The state of one cable.
    ///
    /// # Panics
    /// If there is no such cable.
    pub fn cable(&self, cable: CableId) -> CableStatus {
        assert!(cable.index() < self.cables, "there is no cable {cable}");
        CableStatus {
            breaker: BreakerState::Closed,
            in_flight: 0,
            queued: 0,
            statistics: CableStatistics::default(),
        }
    }
}
