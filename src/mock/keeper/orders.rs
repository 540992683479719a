//! What the keeper is told to do besides, and what it tells of itself.

use std::time::Duration;

use connector::{AllocationId, Error, OperationKind, Timestamp};
use serde::Serialize;

use super::{
    super::faults::{Change, Orders},
    Keeper, MockReport,
};

/// The state as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    speed: f64,
    simulated_seconds: f64,
    in_flight: usize,
    shares_held: usize,
    #[serde(flatten)]
    orders: Orders<'a>,
}

/// What was counted of a share, in its caller's time.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mock) struct Measured {
    /// Part of its life in which something ran, 0 to 1.
    pub(in crate::mock) utilization: f64,
    /// Inferences that were answered well.
    pub(in crate::mock) completed: u64,
    /// How long these took in the mean.
    pub(in crate::mock) mean: connector::Duration,
}

impl Keeper {
    /// Puts a fault in the way of the next question of this kind, if one was ordered: how long it has to
    /// wait.
    ///
    /// # Errors
    /// The one that was ordered.
    pub(in crate::mock) fn strike(&mut self, kind: OperationKind) -> Result<Duration, Error> {
        let struck = self.faults.strike(kind);
        if let Err(error) = &struck {
            self.metrics.failed(kind, error.kind.name());
        }
        struck
    }

    /// Whether a question may be struck.
    pub(in crate::mock) fn has_orders(&self) -> bool {
        self.faults.may_strike()
    }

    /// Changes what was ordered.
    ///
    /// # Errors
    /// In words: why nothing changes.
    pub(in crate::mock) fn change(&mut self, change: Change) -> Result<(), String> {
        let mut pace = self.pace;
        if let Some(speed) = change.speed {
            pace.set_speed(speed).map_err(|error| error.to_string())?;
        }
        self.faults.change(change)?;
        self.pace = pace;
        self.catch_up();
        Ok(())
    }

    /// The state as JSON.
    pub(in crate::mock) fn shown(&self) -> Vec<u8> {
        let shown = Shown {
            speed: self.pace.speed(),
            simulated_seconds: self.pace.now().since(Timestamp::ZERO).as_secs_f64(),
            in_flight: self.waiters.len(),
            shares_held: self.shares.len(),
            orders: self.faults.orders(),
        };
        serde_json::to_vec(&shown).expect("a state is made of text and numbers")
    }

    /// What was counted of a share; nothing of one that is not held.
    pub(in crate::mock) fn measured(&self, share: AllocationId) -> Measured {
        self.shares.tally(share).map_or_else(Measured::default, |tally| Measured {
            utilization: tally.utilization(self.now),
            completed: tally.completed,
            mean: self.pace.real(tally.mean()),
        })
    }

    /// What was counted, as Prometheus reads it.
    pub(in crate::mock) fn metrics(&self, models: &[String]) -> String {
        let MockReport { sent_away, granted, hung_up, .. } = self.report;
        let figures = [
            ("harpoon_mock_speed", "Simulated seconds per second.", self.pace.speed()),
            ("harpoon_mock_in_flight", "Questions in flight.", self.waiters.len() as f64),
            ("harpoon_mock_shares_held", "Shares held.", self.shares.len() as f64),
            ("harpoon_mock_shares_granted", "Shares granted so far.", granted as f64),
            ("harpoon_mock_hung_up", "Inferences whose client hung up so far.", hung_up as f64),
            ("harpoon_mock_sent_away", "Questions beyond the limit so far.", sent_away as f64),
        ];
        self.metrics.text(models, &figures)
    }
}
