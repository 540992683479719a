use connector::{Duration, Timestamp};

use crate::covenant::Targets;

/// When a request must have begun to be answered, and when its answer must be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Of the first token; [`Timestamp::MAX`] if it may come any time.
    pub(crate) first_token: Timestamp,
    /// Of the whole answer; [`Timestamp::MAX`] if it may come any time.
    pub(crate) end: Timestamp,
    /// Whether a covenant set one of them, and not only the platform.
    pub(crate) promised: bool,
}

/// How long work takes from its beginning on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkTime {
    pub(crate) first_token: Duration,
    pub(crate) whole: Duration,
}

impl Deadlines {
    pub(crate) const NONE: Self =
        Self { first_token: Timestamp::MAX, end: Timestamp::MAX, promised: false };

    /// What is promised to a request that arrived then.
    pub(crate) fn of(arrived: Timestamp, targets: Targets) -> Self {
        let after = |time: Option<Duration>| time.map_or(Timestamp::MAX, |time| arrived + time);
        let (first_token, end) = (after(targets.first_token), after(targets.end_to_end));
        Self { first_token, end, promised: true }
    }

    /// Whichever comes first.
    pub(crate) fn next(self) -> Timestamp {
        self.first_token.min(self.end)
    }

    /// The first token has come, whenever that was.
    pub(crate) const fn once_begun(self) -> Self {
        Self { first_token: Timestamp::MAX, ..self }
    }

    /// Whether work that begins then may end in time.
    pub(crate) fn admit(self, begins: Timestamp, work: WorkTime) -> bool {
        begins + work.first_token <= self.first_token && begins + work.whole <= self.end
    }

    /// The last moment at which work may begin; [`Timestamp::MAX`] if that is any time.
    pub(crate) fn latest_start(self, work: WorkTime) -> Timestamp {
        let back = |deadline: Timestamp, time: Duration| {
            if deadline == Timestamp::MAX { deadline } else { deadline - time }
        };
        back(self.first_token, work.first_token).min(back(self.end, work.whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    const WORK: WorkTime =
        WorkTime { first_token: Duration::from_millis(10), whole: Duration::from_millis(510) };

    #[test]
    fn the_latest_start_is_the_last_that_is_admitted() {
        for (first_token, end, latest) in [
            (at(100), Timestamp::MAX, at(90)),
            (Timestamp::MAX, at(1_000), at(490)),
            (at(100), at(1_000), at(90)),
            (at(900), at(1_000), at(490)),
        ] {
            let deadlines = Deadlines { first_token, end, promised: true };
            assert_eq!(deadlines.latest_start(WORK), latest);
            assert!(deadlines.admit(latest, WORK));
            assert!(!deadlines.admit(latest + Duration::from_nanos(1), WORK));
        }
    }

    #[test]
    fn without_deadlines_any_time_is_right() {
        assert_eq!(Deadlines::NONE.latest_start(WORK), Timestamp::MAX);
        assert!(Deadlines::NONE.admit(Timestamp::MAX, WORK));
        let begun = Deadlines { first_token: at(100), ..Deadlines::NONE }.once_begun();
        assert_eq!(begun.next(), Timestamp::MAX);
    }
}
