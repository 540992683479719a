//! The shares that are held: whose model each is for, until when, and what it has done.

use std::collections::{BTreeMap, BTreeSet};

use connector::{AllocationId, Duration, ModelId, Timestamp};

use super::tally::Tally;

/// See the module text. Times are virtual.
#[derive(Debug, Default)]
pub(super) struct Shares {
    held: BTreeMap<AllocationId, Held>,
    /// When shares that were asked for a time are to be taken back, the next first.
    ends: BTreeSet<(Timestamp, AllocationId)>,
}

#[derive(Debug)]
struct Held {
    model: ModelId,
    /// `None`: for good.
    until: Option<Timestamp>,
    tally: Tally,
}

impl Shares {
    /// A share is there, for so long or for good.
    pub(super) fn granted(
        &mut self,
        share: AllocationId,
        model: ModelId,
        now: Timestamp,
        lease: Option<Duration>,
    ) {
        let until = lease.map(|lease| now + lease);
        self.ends.extend(until.map(|until| (until, share)));
        self.held.insert(share, Held { model, until, tally: Tally::granted(now) });
    }

    pub(super) fn let_go(&mut self, share: AllocationId) {
        if let Some(until) = self.held.remove(&share).and_then(|held| held.until) {
            self.ends.remove(&(until, share));
        }
    }

    /// When the next share is to be taken back.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// A share to be taken back by now; each is named once.
    pub(super) fn take_over(&mut self, now: Timestamp) -> Option<AllocationId> {
        let next = *self.ends.first().filter(|(at, _)| *at <= now)?;
        self.ends.remove(&next);
        Some(next.1)
    }

    /// A share could not be given back. If its time is over, it is to be taken back later.
    pub(super) fn kept(&mut self, share: AllocationId, now: Timestamp, later: Duration) {
        let until = self.held.get(&share).and_then(|held| held.until);
        if until.is_some_and(|until| until <= now) {
            self.ends.insert((now + later, share));
        }
    }

    /// The model that a share was asked for.
    pub(super) fn model(&self, share: AllocationId) -> Option<ModelId> {
        self.held.get(&share).map(|held| held.model)
    }

    /// What a share has done; `None` for one that is not held.
    pub(super) fn tally(&self, share: AllocationId) -> Option<&Tally> {
        self.held.get(&share).map(|held| &held.tally)
    }

    /// An inference begins on it.
    pub(super) fn begin(&mut self, share: AllocationId, now: Timestamp) {
        self.held.entry(share).and_modify(|held| held.tally.begin(now));
    }

    /// An inference on it has ended, after so long if it ended well.
    pub(super) fn end(&mut self, share: AllocationId, now: Timestamp, took: Option<Duration>) {
        self.held.entry(share).and_modify(|held| held.tally.end(now, took));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = AllocationId> {
        self.held.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelId = ModelId(0);
    const SHARE: AllocationId = AllocationId(1);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_share_is_taken_back_when_its_time_is_over_and_again_if_it_could_not_be() {
        let mut shares = Shares::default();
        shares.granted(SHARE, MODEL, at(0), Some(SECOND));
        shares.granted(AllocationId(2), MODEL, at(0), None);
        assert_eq!(shares.take_over(at(0)), None);
        shares.kept(SHARE, at(0), SECOND);
        assert_eq!(shares.next_end(), Some(at(1)), "its holder could not give it back");
        assert_eq!(shares.take_over(at(1)), Some(SHARE));
        assert_eq!(shares.next_end(), None, "once is enough while nobody says no");
        shares.kept(SHARE, at(4), SECOND);
        assert_eq!((shares.take_over(at(4)), shares.take_over(at(5))), (None, Some(SHARE)));
        shares.let_go(SHARE);
        shares.kept(SHARE, at(6), SECOND);
        assert_eq!((shares.next_end(), shares.len()), (None, 1));
    }

    #[test]
    fn a_share_given_back_in_time_is_not_taken_back() {
        let mut shares = Shares::default();
        shares.granted(SHARE, MODEL, at(0), Some(SECOND));
        shares.let_go(SHARE);
        assert_eq!((shares.next_end(), shares.take_over(at(2))), (None, None));
    }

    #[test]
    fn a_share_that_is_gone_has_no_tally_and_gets_none() {
        let mut shares = Shares::default();
        shares.granted(SHARE, MODEL, at(0), None);
        assert_eq!(shares.tally(SHARE).unwrap().mean(), Duration::ZERO);
        shares.let_go(SHARE);
        shares.end(SHARE, at(1), None);
        assert_eq!((shares.tally(SHARE), shares.model(SHARE)), (None, None));
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
