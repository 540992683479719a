//! What goes wrong because somebody asked for it.
//!
//! Beside the faults of the scenario, which belong to the simulated provider and are drawn from its
//! seed, these are switched on while the mock runs ([`control`](super::control)). They strike in front
//! of the provider, in the order in which questions come: the same orders and the same questions have the
//! same outcome.
//!
//! * *fail*: the next so many questions of a kind are refused, and nothing reaches the provider. An error
//!   that reads as ambiguous is a lie in that; real ambiguity is `ghosts` and the like of a scenario.
//! * *delay*: questions of a kind reach the provider so much later. Whoever hangs up before has asked
//!   nothing.
//! * *silence*: for so long nothing is said. Questions are taken in and acted on; a caller that gives up
//!   may own what it asked for.

use std::time::{Duration, Instant};

use adapters::harpoon_v1::ErrorDetail;
use connector::{Error, OperationKind};
use serde::{Deserialize, Serialize};

/// Most orders of a kind at a time.
const MOST_ORDERS: usize = 64;
/// Longest delay and silence.
const LONGEST: Duration = Duration::from_hours(1);

/// What is to change; each key replaces all that was ordered of its kind before.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Simulated seconds per second from now on.
    pub(super) speed: Option<f64>,
    fail: Option<Vec<Failure>>,
    delay: Option<Vec<Delay>>,
    silence_ms: Option<u64>,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Orders<'a> {
    fail: &'a [Failure],
    delay: &'a [Delay],
    silence_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    /// Name of a kind of operation; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// How many are still to fail.
    times: u64,
    error: ErrorDetail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delay {
    /// Name of a kind of operation; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    ms: u64,
    /// How many are still to be delayed; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

/// The orders in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    failures: Vec<Failure>,
    delays: Vec<Delay>,
    silent_until: Option<Instant>,
}

impl Faults {
    /// Takes orders.
    ///
    /// # Errors
    /// In words: what of them cannot be; then nothing changes.
    pub(super) fn change(&mut self, change: Change) -> Result<(), String> {
        let Change { speed: _, fail, delay, silence_ms } = change;
        for failure in fail.iter().flatten() {
            known(failure.operation.as_deref())?;
            let kind = &failure.error.kind;
            failure.error.to_error().ok_or_else(|| format!("no error is of the kind `{kind}`"))?;
        }
        for delay in delay.iter().flatten() {
            known(delay.operation.as_deref())?;
            bounded(delay.ms)?;
        }
        bounded(silence_ms.unwrap_or_default())?;
        let most = fail.iter().map(Vec::len).chain(delay.iter().map(Vec::len)).max();
        if most.is_some_and(|most| most > MOST_ORDERS) {
            return Err(format!("more than {MOST_ORDERS} orders"));
        }
        self.failures = fail.unwrap_or_else(|| std::mem::take(&mut self.failures));
        self.delays = delay.unwrap_or_else(|| std::mem::take(&mut self.delays));
        if let Some(ms) = silence_ms {
            self.silent_until = Some(Instant::now() + Duration::from_millis(ms));
        }
        self.failures.retain(|failure| failure.times > 0);
        self.delays.retain(|delay| delay.times != Some(0));
        Ok(())
    }

    /// Whether any question may fail or be late.
    pub(super) fn may_strike(&self) -> bool {
        !self.failures.is_empty() || !self.delays.is_empty()
    }

    /// What becomes of the next question of this kind: how much later it is put, or why it is not.
    ///
    /// # Errors
    /// The one that was ordered.
    pub(super) fn strike(&mut self, kind: OperationKind) -> Result<Duration, Error> {
        let failure =
            self.failures.iter().position(|order| meant(order.operation.as_deref(), kind));
        if let Some(index) = failure {
            let order = &mut self.failures[index];
            order.times -= 1;
            let error = order.error.to_error();
            if order.times == 0 {
                self.failures.remove(index);
            }
            return Err(error.expect("orders are checked when they are taken"));
        }
        let delay = self.delays.iter().position(|order| meant(order.operation.as_deref(), kind));
        let Some(index) = delay else { return Ok(Duration::ZERO) };
        let order = &mut self.delays[index];
        let late = Duration::from_millis(order.ms);
        order.times = order.times.map(|left| left - 1);
        if order.times == Some(0) {
            self.delays.remove(index);
        }
        Ok(late)
    }

    /// When something may be said again; `None` while nothing forbids it.
    pub(super) fn silent_until(&self) -> Option<Instant> {
        self.silent_until.filter(|&until| until > Instant::now())
    }

    /// Nothing is ordered any more.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    pub(super) fn orders(&self) -> Orders<'_> {
        let left = self.silent_until().map(|until| until.saturating_duration_since(Instant::now()));
        let silence_ms = left.map_or(0, |left| left.as_millis().try_into().unwrap_or(u64::MAX));
        Orders { fail: &self.failures, delay: &self.delays, silence_ms }
    }
}

fn meant(operation: Option<&str>, kind: OperationKind) -> bool {
    operation.is_none_or(|name| name == kind.name())
}

fn known(operation: Option<&str>) -> Result<(), String> {
    let names = OperationKind::ALL.map(OperationKind::name);
    match operation {
        Some(name) if !names.contains(&name) => {
            Err(format!("no operation is called `{name}`: there are {}", names.join(", ")))
        }
        Some(_) | None => Ok(()),
    }
}

fn bounded(ms: u64) -> Result<(), String> {
    let most = LONGEST.as_millis();
    if u128::from(ms) > most { Err(format!("{ms} ms is more than {most}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use connector::ErrorKind;

    use super::*;

    #[test]
    fn so_many_fail_and_no_more() {
        let mut faults = ordered(
            r#"{"fail": [{"operation": "allocate", "times": 2, "error": {"kind": "rate_limited"}}]}"#,
        );
        assert_eq!(faults.strike(OperationKind::Infer), Ok(Duration::ZERO));
        for _ in 0..2 {
            let error = faults.strike(OperationKind::Allocate).unwrap_err();
            assert_eq!(error.kind, ErrorKind::RateLimited { retry_after: None });
        }
        assert_eq!(faults.strike(OperationKind::Allocate), Ok(Duration::ZERO));
        assert!(faults.failures.is_empty());
    }

    #[test]
    fn a_delay_holds_until_it_is_taken_back_or_used_up() {
        let mut faults = ordered(r#"{"delay": [{"ms": 5, "times": 1}, {"ms": 7}]}"#);
        let late = |ms| Ok(Duration::from_millis(ms));
        let mut strike = || faults.strike(OperationKind::Pools);
        assert_eq!([strike(), strike(), strike()], [late(5), late(7), late(7)]);
        faults.change(serde_json::from_str(r#"{"delay": []}"#).unwrap()).unwrap();
        assert_eq!(faults.strike(OperationKind::Pools), late(0));
    }

    #[test]
    fn orders_that_cannot_be_change_nothing() {
        let mut faults = ordered(r#"{"delay": [{"ms": 5}]}"#);
        for (orders, words) in [
            (r#"{"fail": [{"times": 1, "error": {"kind": "moody"}}]}"#, "of the kind `moody`"),
            (r#"{"delay": [{"operation": "sing", "ms": 1}]}"#, "called `sing`: there are allocate"),
            (r#"{"delay": [{"ms": 3600001}]}"#, "3600001 ms is more than 3600000"),
            (r#"{"delay": [], "silence_ms": 3600001}"#, "more than 3600000"),
        ] {
            let refused = faults.change(serde_json::from_str(orders).unwrap()).unwrap_err();
            assert!(refused.contains(words), "{refused}");
            assert_eq!(faults.delays.len(), 1);
        }
        let many = format!("{{\"delay\": [{}]}}", vec![r#"{"ms": 1}"#; 65].join(","));
        faults.change(serde_json::from_str(&many).unwrap()).unwrap_err();
        serde_json::from_str::<Change>(r#"{"sleep": 1}"#).unwrap_err();
    }

    fn ordered(orders: &str) -> Faults {
        let mut faults = Faults::default();
        faults.change(serde_json::from_str(orders).unwrap()).unwrap();
        faults
    }
}
