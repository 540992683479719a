//! Real time: sleep until the earliest deadline or until the far side has something to say, do what
//! is due, repeat.
//!
//! Time is the clock on the wall since the start of the run. The loop and the exchanges take turns on one
//! thread: what wakes either costs no switch between threads, and an idle loop nothing. It sleeps to the
//! nanosecond asked for where the system can (`alarm`), since a runtime's timer counts milliseconds.
//! Latencies count from the schedule, however late a request is, and both parts of the lateness are
//! measured ([`Session::lag`](super::Session::lag), [`Session::way_out`](super::Session::way_out)).
//!
//! An interruption, or money that is spent, ends the traffic. Requests under way have [`ANSWER_GRACE`] to be answered, then they
//! are cancelled; [`GIVE_BACK_LIMIT`] later the run ends, even if it could not give everything back,
//! and says what is still held. Whoever interrupts a run has little patience: a supervisor kills what
//! has not ended within ten seconds.

mod alarm;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Instant,
};

use adapters::{HttpConnector, recording::Recorded};
use connector::{Duration, Timestamp};
use platform::Request;
use scenarios::TrafficError;

use alarm::Alarm;

use super::{Ended, Lines, Observer, RunError, Session, Watch};

/// Longest time that giving everything back may take after the last answer.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// How long requests under way may still be answered after an interruption.
pub const ANSWER_GRACE: Duration = Duration::from_secs(3);
/// How long giving back may take after that.
pub const GIVE_BACK_LIMIT: Duration = Duration::from_secs(5);
/// How long a run may take to be set up.
const LEAD: std::time::Duration = std::time::Duration::from_millis(50);
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

    /// A clock that reads zero until `LEAD` has passed, and goes from there: what is set up meanwhile makes
    /// no request late.
    pub fn start_soon() -> Self {
        Self(Instant::now() + LEAD)
    }

    /// Time since the start.
    pub fn now(self) -> Timestamp {
        Timestamp::ZERO + Duration::from(self.0.elapsed())
    }

    /// When the clock on the wall reads so much.
    fn instant(self, at: Timestamp) -> Instant {
        self.0 + at.since(Timestamp::ZERO).to_std()
    }
}

/// Runs until all traffic is answered and nothing is held any more, or until interrupted. To be awaited
/// on a runtime with time, input and output, best the one that the connectors' exchanges run on.
///
/// # Errors
/// If there is no timer to keep time by, before anything is sent; if traffic cannot be read, and then what
/// is held is given back first.
pub async fn run<A, O>(
    session: &mut Session<A, O>,
    lines: &mut Lines<Recorded<HttpConnector>>,
    clock: WallClock,
    watch: &Watch,
) -> Result<Ended, RunError>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
{
    session.keep_to(watch.caps);
    let mut alarm = Alarm::new().map_err(RunError::NoTimer)?;
    alarm.at(clock.instant(Timestamp::ZERO)).await;
    let mut failure = None;
    let mut drain_ends = None;
    let mut patience_ends = None;
    loop {
        let now = clock.now();
        if let Err(error) = session.step(now, lines) {
            failure.get_or_insert(error);
        }
        for connector in &mut lines.connectors {
            connector.inner_mut().ways_out().for_each(|way| session.way_out.record(way));
        }
        watch.show(now, session.requests());
        let interrupted = watch.is_interrupted() || session.is_spent();
        let ending = session.all_answered() || interrupted || failure.is_some();
        if ending && drain_ends.is_none() {
            session.drain(now, lines);
            drain_ends = Some(now + DRAIN_LIMIT);
        }
        if interrupted && patience_ends.is_none() {
            patience_ends = Some(now + ANSWER_GRACE);
            drain_ends = Some(now + ANSWER_GRACE + GIVE_BACK_LIMIT);
        }
        if patience_ends.is_some_and(|end| now >= end) && session.platform.in_flight() > 0 {
            session.cancel_all(now, lines);
        }
        let settled = session.platform.in_flight() == 0 && session.platform.held() == 0;
        if drain_ends.is_some_and(|limit| settled || now >= limit) {
            session.conclude(now, lines);
            let stopped = session.stopped;
            let unanswered = session.platform.in_flight() > 0;
            let partial = watch.is_interrupted() || stopped.is_some() || unanswered;
            let unreleased = session.platform.holdings().count();
            let ended = Ended { at: now, partial, stopped, unreleased };
            return failure.map_or(Ok(ended), |error| Err(error.into()));
        }
        let until = session.deadline(lines).min(now + LONGEST_SLEEP);
        let woken = any_woken(lines.connectors(), watch);
        pause(woken, alarm.at(clock.instant(until))).await;
    }
}

/// Lets the exchanges have their turn, and waits for either.
async fn pause(woken: impl Future<Output = ()>, rung: impl Future<Output = ()>) {
    tokio::task::yield_now().await;
    tokio::select! {
        biased;
        () = woken => {}
        () = rung => {}
    }
}

/// Waits until any connector may have something to poll, or the run is interrupted.
async fn any_woken(connectors: &[Recorded<HttpConnector>], watch: &Watch) {
    let mut interrupted = pin!(watch.interruption.notified());
    let mut waits: Vec<Pin<Box<_>>> =
        connectors.iter().map(|connector| Box::pin(connector.inner().woken())).collect();
    poll_fn(|context| {
        let woken = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
        let woken = woken || interrupted.as_mut().poll(context).is_ready();
        if woken { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
