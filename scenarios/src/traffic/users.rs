//! A closed loop: users who wait for their answer, think, and ask again.
//!
//! # Mechanism
//!
//! Each user has random streams of its own for lengths, thinking and patience, so its n-th request is the
//! same in every variant of a scenario, however fast the answers come. Users begin one after the other,
//! evenly over the ramp. A request is due when its user has thought: it is *scheduled* at
//! the instant of the answer before plus the thinking time, and its latency counts from there.
//!
//! # Edges
//!
//! * A user whose request was not answered in full (failed, rejected, dropped, cancelled) waits
//!   [`AFTER_FAILURE`] at least: a provider that refuses at once would be asked without end at one instant.
//! * After the end of the traffic nobody asks again; requests under way are answered.
//! * A closed loop sends less the slower the answers come, so it cannot show what a queue does to those
//!   who come regardless (coordinated omission). For that there are `arrivals`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use connector::{Content, Duration, RequestId, Timestamp};
use platform::{Request, Terms};
use sim::{config::Latency, random::Streams};

use super::{
    Labels, SourceKind, TrafficSource,
    synthetic::{LengthStreams, Lengths},
    waits::Waits,
};

/// Least pause of a user whose request was not answered in full.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Least pause after an answer: time passes even for those who do not think.
const LEAST_PAUSE: Duration = Duration::from_micros(1);

/// The users of one source.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    pub(crate) labels: Labels,
    /// How many, at least 1.
    pub(crate) count: u32,
    /// From an answer to the next question; `None`: no time.
    pub(crate) think: Option<Latency>,
    /// Time over which they begin.
    pub(crate) ramp_up: Duration,
    pub(crate) lengths: Lengths,
}

impl Crowd {
    /// When the user of this number begins.
    fn begins(&self, number: u32) -> Timestamp {
        let ramp = u128::from(self.ramp_up.as_nanos());
        let at = ramp * u128::from(number) / u128::from(self.count.max(1));
        Timestamp::from_nanos(u64::try_from(at).unwrap_or(u64::MAX))
    }
}

/// All users of a run who wait for their answer before they ask again.
#[derive(Debug, Default)]
pub struct Users {
    sources: Vec<Source>,
    people: Vec<User>,
    /// Who asks next; ties in the order of users.
    ready: BinaryHeap<Reverse<(Timestamp, usize)>>,
    asking: BTreeMap<RequestId, usize>,
    end: Timestamp,
}

#[derive(Debug)]
struct Source {
    crowd: Crowd,
    terms: Option<Arc<Terms>>,
}

#[derive(Debug)]
struct User {
    source: usize,
    lengths: LengthStreams,
    thoughts: Option<Waits>,
    patience: Option<Waits>,
}

impl Users {
    pub(super) fn new(traffic: &[TrafficSource], seed: u64, end: Option<Duration>) -> Self {
        let end = end.map_or(Timestamp::MAX, |end| Timestamp::ZERO + end);
        let mut users = Self { end, ..Self::default() };
        for source in traffic {
            if let SourceKind::Users(crowd) = &source.kind {
                users.admit(source, crowd, seed);
            }
        }
        users
    }

    fn admit(&mut self, source: &TrafficSource, crowd: &Crowd, seed: u64) {
        let TrafficSource { name, patience, .. } = source;
        for number in 0..crowd.count {
            let at = number as usize;
            self.wait_until(crowd.begins(number), self.people.len());
            self.people.push(User {
                source: self.sources.len(),
                lengths: LengthStreams::new(Streams::new(seed), &format!("{name}/{number}")),
                thoughts: crowd.think.map(|law| Waits::thoughts(law, name, at, seed)),
                patience: patience.map(|law| Waits::patience(law, name, at, seed)),
            });
        }
        self.sources.push(Source { crowd: crowd.clone(), terms: source.terms.clone() });
    }

    fn wait_until(&mut self, at: Timestamp, user: usize) {
        if at < self.end {
            self.ready.push(Reverse((at, user)));
        }
    }

    /// Whether there is nobody.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// When the next request is due, as far as is known before further answers.
    #[inline]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.ready.peek().map(|Reverse((at, _))| *at)
    }

    /// The next request, under this number; `None` while everybody waits for an answer or has left.
    pub fn ask(&mut self, id: RequestId) -> Option<Request> {
        let Reverse((at, number)) = self.ready.pop()?;
        self.asking.insert(id, number);
        let user = &mut self.people[number];
        let Source { crowd, terms } = &self.sources[user.source];
        let (prompt_tokens, output_tokens) = user.lengths.sample(&crowd.lengths);
        Some(Request {
            id,
            tenant: crowd.labels.tenant,
            arrived: at,
            prompt_tokens,
            output_tokens,
            content: Content::Unknown,
            class: crowd.labels.class,
            model: crowd.labels.model,
            patience: user.patience.as_mut().map(Waits::sample),
            terms: terms.clone(),
            fan_out: None,
        })
    }

    /// A request is over, whoever sent it; `in_full`: it was answered.
    pub fn answered(&mut self, at: Timestamp, request: RequestId, in_full: bool) {
        let Some(number) = self.asking.remove(&request) else { return };
        let thought = self.people[number].thoughts.as_mut().map(Waits::sample).unwrap_or_default();
        let least = if in_full { LEAST_PAUSE } else { AFTER_FAILURE };
        self.wait_until(at + thought.max(least), number);
    }

    /// Nobody asks any more.
    pub fn leave(&mut self) {
        self.ready.clear();
        self.end = Timestamp::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::lengths::LengthSampler;

    fn at(ms: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(ms)
    }

    fn users(count: u32, ramp_up: u64, think: Option<u64>) -> Users {
        let length = || LengthSampler::Fixed(3);
        let crowd = Crowd {
            labels: Labels::default(),
            count,
            think: think.map(|ms| Latency::Fixed(Duration::from_millis(ms))),
            ramp_up: Duration::from_millis(ramp_up),
            lengths: Lengths { prompt: length(), output: length() },
        };
        let kind = SourceKind::Users(crowd);
        let source = TrafficSource { name: "crowd".into(), kind, patience: None, terms: None };
        Users::new(&[source], 1, Some(Duration::from_secs(10)))
    }

    #[test]
    fn users_begin_evenly_over_the_ramp() {
        let mut users = users(4, 1_000, None);
        let begins: Vec<_> = (0..4).map(|id| users.ask(RequestId(id)).unwrap().arrived).collect();
        assert_eq!(begins, [at(0), at(250), at(500), at(750)]);
        assert_eq!((users.next_at(), users.ask(RequestId(4))), (None, None));
    }

    #[test]
    fn a_user_asks_again_when_it_has_thought_about_the_answer() {
        let mut users = users(1, 0, Some(40));
        assert_eq!(users.ask(RequestId(7)).unwrap().arrived, at(0));
        users.answered(at(100), RequestId(6), true);
        assert_eq!(users.next_at(), None, "that was somebody else's");
        users.answered(at(100), RequestId(7), true);
        assert_eq!(users.ask(RequestId(8)).unwrap().arrived, at(140));
        users.answered(at(150), RequestId(8), false);
        assert_eq!(users.next_at(), Some(at(1_150)), "after a failure it takes its time");
    }

    #[test]
    fn time_passes_even_for_those_who_do_not_think() {
        let mut users = users(1, 0, None);
        users.ask(RequestId(0)).unwrap();
        users.answered(at(5), RequestId(0), true);
        assert!(users.next_at() > Some(at(5)));
    }

    #[test]
    fn nobody_asks_after_the_end() {
        let mut users = users(2, 0, None);
        users.ask(RequestId(0)).unwrap();
        users.answered(at(10_000), RequestId(0), true);
        assert_eq!(users.ready.len(), 1);
        users.ask(RequestId(1)).unwrap();
        users.leave();
        users.answered(at(1), RequestId(1), true);
        assert_eq!(users.next_at(), None);
    }
}
