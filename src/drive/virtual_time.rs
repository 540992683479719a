//! Virtual time: jump to the earliest deadline, do what is due there, repeat.
//!
//! Nothing reads a clock, so a run is a function of scenario and seed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use connector::{Connector, Timestamp};
use platform::Request;
use scenarios::TrafficError;

use super::{Lines, Observer, Session};

/// Steps between two looks at the interruption flag and two updates of the progress.
const STEPS_PER_LOOK: u32 = 4096;

/// What a run shows while it runs, and how it is told to stop; shared with other threads.
#[derive(Debug, Default)]
pub struct Watch {
    /// Simulated time reached, in nanoseconds.
    pub now_ns: AtomicU64,
    /// Requests arrived.
    pub requests: AtomicU64,
    /// Set to end the run early.
    pub interrupted: AtomicBool,
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Traffic could not be read.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    /// Requests are unanswered and nobody is waiting for anything.
    #[error("{in_flight} requests are in flight at {at} s, but nothing is going to happen any more")]
    Stuck {
        /// How many.
        in_flight: usize,
        /// Since when, in seconds.
        at: f64,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When the last thing happened.
    pub at: Timestamp,
    /// Whether it was interrupted before all traffic was answered.
    pub partial: bool,
}

/// Runs until all traffic is answered and nothing is held any more.
///
/// # Errors
/// See [`RunError`].
pub fn run<A, O, C>(
    session: &mut Session<A, O>,
    lines: &mut Lines<C>,
    watch: &Watch,
) -> Result<Ended, RunError>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
    C: Connector,
{
    let mut now = Timestamp::ZERO;
    let mut draining = false;
    let mut steps = 0u32;
    loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(STEPS_PER_LOOK) {
            watch.now_ns.store(now.as_nanos(), Ordering::Relaxed);
            watch.requests.store(session.requests, Ordering::Relaxed);
            if watch.interrupted.load(Ordering::Relaxed) {
                return Ok(finish(session, lines, now, true));
            }
        }
        if !draining && session.all_answered() {
            session.drain(now, lines);
            draining = true;
        }
        if draining && session.platform.held() == 0 {
            return Ok(finish(session, lines, now, false));
        }
        let Some(next) = session.deadline(lines) else {
            return Err(RunError::Stuck {
                in_flight: session.platform.in_flight(),
                at: now.as_secs_f64(),
            });
        };
        now = now.max(next);
        session.step(now, lines)?;
    }
}

fn finish<A, O, C>(
    session: &mut Session<A, O>,
    lines: &mut Lines<C>,
    at: Timestamp,
    partial: bool,
) -> Ended
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
    C: Connector,
{
    session.observe(at, lines);
    Ended { at, partial }
}
