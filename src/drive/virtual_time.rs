//! Virtual time: jump to the earliest deadline, do what is due there, repeat.
//!
//! Nothing reads a clock, so a run is a function of scenario and seed.

use connector::{Connector, Timestamp};
use platform::Request;
use scenarios::TrafficError;

use super::{Ended, Lines, Observer, RunError, Session, Watch};

/// Steps between two looks at the [`Watch`].
const STEPS_PER_LOOK: u32 = 4096;

/// Runs until all traffic is answered and nothing is held any more, and at least until `at_least`:
/// time in which nobody comes belongs to a run as well. When interrupted, stops where it is; at a limit,
/// gives everything back.
///
/// # Errors
/// See [`RunError`].
pub fn run<A, O, C>(
    session: &mut Session<A, O>,
    lines: &mut Lines<C>,
    watch: &Watch,
    at_least: Timestamp,
) -> Result<Ended, RunError>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
    C: Connector,
{
    session.keep_to(watch.caps);
    let mut now = Timestamp::ZERO;
    let mut draining = false;
    let mut steps = 0u32;
    let partial = loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(STEPS_PER_LOOK) {
            watch.show(now, session.requests());
            if watch.is_interrupted() {
                break true;
            }
        }
        if !draining && (session.all_answered() || session.is_spent()) {
            session.drain(now, lines);
            draining = true;
            if session.is_spent() {
                session.cancel_all(now, lines);
            }
        }
        if draining && session.platform.held() == 0 {
            break false;
        }
        let next = session.deadline(lines);
        if next == Timestamp::MAX || session.only_looks(lines) {
            let in_flight = session.platform.in_flight();
            if in_flight > 0 {
                return Err(RunError::Stuck { in_flight, at: now.as_secs_f64() });
            }
            if next == Timestamp::MAX {
                break false;
            }
        }
        now = now.max(next);
        session.step(now, lines)?;
    };
    let stopped = session.stopped;
    if !partial && stopped.is_none() {
        now = now.max(at_least);
        session.sample(now, lines);
    }
    session.conclude(now, lines);
    let unreleased = if partial { 0 } else { session.platform.holdings().count() };
    Ok(Ended { at: now, partial: partial || stopped.is_some(), stopped, unreleased })
}
