//! How far a streamed answer is: noted by its exchange, told by the connector.
//!
//! # Mechanism
//!
//! Both share a sheet. The exchange notes every piece on it and rings once the time that the caller
//! asked for has passed since the last time. What is told is read off the sheet when the ringing is
//! heard, so whoever is slow to listen hears less often and never misses a token. Before a failure
//! the sheet is read unasked: also that of an exchange that was stopped, ran out of time or died.
//!
//! # Edges
//!
//! * A piece counts as one token: neither dialect says before the end how many there are. More than
//!   were asked for are never told, whatever the far side sends.
//! * What comes before its time is rung for when the time has come, even if the far side is silent by
//!   then: a stream that flows slower than the caller asks is told token by token.
//! * One ring is on its way at most, so a far side that floods does not fill the channel.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connector::{Duration, Timestamp, Tokens};

/// Least time between two rings: what no caller can wait for, and no timer tells apart.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

/// How often the caller wants to know, and how much there can be to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curiosity {
    pub(super) period: Duration,
    /// Tokens asked for.
    pub(super) most: Tokens,
}

/// What an answer has come to, shared by its exchange and the connector.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    most: u32,
    made: u32,
    told: u32,
    /// What was not told yet.
    text: String,
    rung: bool,
}

impl Growth {
    fn new(most: Tokens) -> Self {
        Self(Arc::new(Mutex::new(Sheet { most: most.get(), ..Sheet::default() })))
    }

    /// Tokens that are out, and the text since the last time; `None` if that is no news.
    pub(super) fn take(&self) -> Option<(Tokens, Option<Box<str>>)> {
        let mut sheet = self.sheet();
        sheet.rung = false;
        if sheet.made <= sheet.told {
            return None;
        }
        sheet.told = sheet.made;
        let text = std::mem::take(&mut sheet.text);
        Some((Tokens::new(sheet.made), (!text.is_empty()).then(|| text.into())))
    }

    fn add(&self, text: &str) {
        let mut sheet = self.sheet();
        sheet.made = sheet.made.saturating_add(1).min(sheet.most);
        sheet.text.push_str(text);
    }

    fn is_unheard(&self) -> bool {
        let sheet = self.sheet();
        sheet.made > sheet.told && !sheet.rung
    }

    /// An exchange that died while it noted something leaves whole numbers and text all the same.
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of the exchange: notes and rings.
#[derive(Debug)]
pub(super) struct Bell {
    growth: Growth,
    period: Duration,
    /// Not to be rung before.
    due: Timestamp,
}

impl Bell {
    pub(super) fn new(asked: Timestamp, Curiosity { period, most }: Curiosity) -> Self {
        let period = period.max(LEAST_PERIOD);
        Self { growth: Growth::new(most), period, due: asked + period }
    }

    /// The connector's side.
    pub(super) fn growth(&self) -> Growth {
        self.growth.clone()
    }

    /// Another piece has come.
    pub(super) fn note(&self, text: &str) {
        self.growth.add(text);
    }

    /// Whether to ring now; if so, it counts as rung.
    pub(super) fn rings(&mut self, now: Timestamp) -> bool {
        let rings = now >= self.due && self.growth.is_unheard();
        if rings {
            self.growth.sheet().rung = true;
            self.due = now + self.period;
        }
        rings
    }

    /// How long until it must ring if nothing more comes; `None` if it need not.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        (self.due < Timestamp::MAX && self.growth.is_unheard()).then(|| self.due.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_a_period_apart_and_tell_all_that_came() {
        let mut bell = bell(Duration::from_millis(10), 100);
        let growth = bell.growth();
        assert_eq!(bell.wait(at(0)), None, "there is nothing to tell");
        bell.note("a");
        assert!(!bell.rings(at(9)));
        assert_eq!(bell.wait(at(9)), Some(Duration::from_millis(1)));
        assert!(bell.rings(at(10)));
        assert_eq!(growth.take(), Some(told(1, "a")));
        for text in ["b", "c"] {
            bell.note(text);
        }
        assert!(!bell.rings(at(19)));
        assert!(bell.rings(at(35)));
        bell.note("d");
        assert_eq!(
            growth.take(),
            Some(told(4, "bcd")),
            "what came after the ring is not held back"
        );
        assert_eq!((bell.wait(at(90)), growth.take()), (None, None));
    }

    #[test]
    fn whoever_does_not_listen_is_rung_for_once() {
        let mut bell = bell(Duration::ZERO, u32::MAX);
        let mut rings = 0;
        for ms in 1..=1_000 {
            bell.note("x");
            rings += u32::from(bell.rings(at(ms)));
        }
        assert_eq!((rings, bell.wait(at(2_000))), (1, None));
        assert_eq!(bell.growth().take(), Some(told(1_000, &"x".repeat(1_000))));
        bell.note("y");
        assert!(bell.rings(at(2_000)), "it listens again");
    }

    #[test]
    fn who_wants_to_know_before_a_failure_only_is_not_rung_for() {
        let mut bell = bell(Duration::MAX, 5);
        bell.note("x");
        assert!(!bell.rings(at(1 << 40)));
        assert_eq!(bell.wait(at(1 << 40)), None);
        assert_eq!(bell.growth().take(), Some(told(1, "x")));
    }

    #[test]
    fn more_than_was_asked_for_is_never_told() {
        let mut bell = bell(Duration::ZERO, 3);
        (0..10).for_each(|_| bell.note("x"));
        assert!(bell.rings(at(1)));
        assert_eq!(bell.growth().take(), Some(told(3, "xxxxxxxxxx")));
        bell.note("x");
        assert!(!bell.rings(at(2)));
        assert_eq!(bell.growth().take(), None);
    }

    #[test]
    fn thought_without_text_counts() {
        let bell = bell(Duration::ZERO, 3);
        bell.note("");
        assert_eq!(bell.growth().take(), Some((Tokens::new(1), None)));
    }

    fn bell(period: Duration, most: u32) -> Bell {
        Bell::new(at(0), Curiosity { period, most: Tokens::new(most) })
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(ms)
    }

    fn told(tokens: u32, text: &str) -> (Tokens, Option<Box<str>>) {
        (Tokens::new(tokens), Some(text.into()))
    }
}
