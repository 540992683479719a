//! Real time: sleep until the earliest deadline or until the far side has something to say, do what
//! is due, repeat.
//!
//! Time is the clock on the wall since the start of the run. Sleeping is tokio's, whose timer has a
//! resolution of about a millisecond, so a request may be sent that much after its schedule;
//! latencies count from the schedule, and the lag is measured ([`Lag`](super::Lag)).
//!
//! An interruption ends the traffic. Requests under way have [`ANSWER_GRACE`] to be answered, then they
//! are cancelled; [`GIVE_BACK_LIMIT`] later the run ends, even if it could not give everything back,
//! and says what is still held. Whoever interrupts a run has little patience: a supervisor kills what
//! has not ended within ten seconds.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Instant};

use adapters::HttpConnector;
use connector::{Duration, Timestamp};
use platform::Request;
use scenarios::TrafficError;

use super::{Ended, Lines, Observer, RunError, Session, Watch};

/// Longest time that giving everything back may take after the last answer.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// How long requests under way may still be answered after an interruption.
pub const ANSWER_GRACE: Duration = Duration::from_secs(3);
/// How long giving back may take after that.
pub const GIVE_BACK_LIMIT: Duration = Duration::from_secs(5);
/// Longest sleep, so that progress is shown while nothing happens.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

/// The clock on the wall, counted from the start of the run.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(Instant);

impl WallClock {
    /// A clock that reads zero now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn now(self) -> Timestamp {
        Timestamp::ZERO + Duration::from(self.0.elapsed())
    }
}

/// Runs until all traffic is answered and nothing is held any more, or until interrupted.
///
/// # Errors
/// If traffic cannot be read; what is held is given back first.
pub async fn run<A, O>(
    session: &mut Session<A, O>,
    lines: &mut Lines<HttpConnector>,
    clock: WallClock,
    watch: &Watch,
) -> Result<Ended, RunError>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
{
    let mut failure = None;
    let mut drain_ends = None;
    let mut patience_ends = None;
    loop {
        let now = clock.now();
        if let Err(error) = session.step(now, lines) {
            failure.get_or_insert(error);
        }
        watch.show(now, session.requests());
        let ending = session.all_answered() || watch.is_interrupted() || failure.is_some();
        if ending && drain_ends.is_none() {
            session.drain(now, lines);
            drain_ends = Some(now + DRAIN_LIMIT);
        }
        if watch.is_interrupted() && patience_ends.is_none() {
            patience_ends = Some(now + ANSWER_GRACE);
            drain_ends = Some(now + ANSWER_GRACE + GIVE_BACK_LIMIT);
        }
        if patience_ends.is_some_and(|end| now >= end) && session.platform.in_flight() > 0 {
            session.cancel_all(now, lines);
        }
        let settled = session.platform.in_flight() == 0 && session.platform.held() == 0;
        if drain_ends.is_some_and(|limit| settled || now >= limit) {
            session.conclude(now, lines);
            let partial = watch.is_interrupted() || session.platform.in_flight() > 0;
            let unreleased = session.platform.holdings().count();
            let ended = Ended { at: now, partial, unreleased };
            return failure.map_or(Ok(ended), |error| Err(error.into()));
        }
        let until = session.deadline(lines).min(now + LONGEST_SLEEP);
        tokio::select! {
            () = tokio::time::sleep(until.since(clock.now()).to_std()) => {}
            () = any_woken(lines.connectors()) => {}
            () = watch.interruption.notified() => {}
        }
    }
}

/// Waits until any connector may have something to poll.
async fn any_woken(connectors: &[HttpConnector]) {
    let mut waits: Vec<Pin<Box<_>>> =
        connectors.iter().map(|connector| Box::pin(connector.woken())).collect();
    poll_fn(|context| {
        let woken = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
        if woken { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
