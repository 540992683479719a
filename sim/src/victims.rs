//! Shares that may be taken away, by rank and age.
//!
//! Nearly all of them are given back before anybody asks, so a share that ended is not looked for:
//! it stays in the list of its rank as a dead entry until those are the greater part. A share that
//! comes back after it was set aside takes its old place, which is that of its grant.

use connector::Priority;

use crate::simulator::ShareKey;

/// Entries that died are tolerated up to this number and the number of live ones.
const DEAD_TOLERATED: usize = 256;
const RANKS: usize = Priority::MAX.rank() as usize + 1;

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Victims {
    /// By rank, oldest first, with the number of the grant.
    held: [Vec<(u64, ShareKey)>; RANKS],
}

impl Victims {
    /// Adds a share; at most `live` shares are alive, as `alive` tells.
    pub(crate) fn add(
        &mut self,
        priority: Priority,
        (age, share): (u64, ShareKey),
        live: usize,
        alive: impl Fn(ShareKey) -> bool,
    ) {
        let held = &mut self.held[usize::from(priority.rank())];
        if held.len() > live + live.max(DEAD_TOLERATED) {
            held.retain(|&(_, share)| alive(share));
        }
        if held.last().is_none_or(|&(last, _)| last < age) {
            held.push((age, share));
        } else if let Err(place) = held.binary_search_by_key(&age, |&(age, _)| age) {
            held.insert(place, (age, share));
        }
    }

    /// Shares of lower rank than this, dead ones among them: lowest rank first, youngest first
    /// among equals.
    pub(crate) fn by_rank(&self, below: Priority) -> impl Iterator<Item = ShareKey> + '_ {
        let lower = &self.held[..usize::from(below.rank())];
        lower.iter().flat_map(|held| held.iter().rev().map(|&(_, share)| share))
    }

    /// The same shares, youngest first whatever their rank.
    pub(crate) fn by_age(&self, below: Priority) -> impl Iterator<Item = ShareKey> + '_ {
        let mut lower = self.held.each_ref().map(Vec::as_slice);
        let ranks = usize::from(below.rank());
        std::iter::from_fn(move || {
            let lower = &mut lower[..ranks];
            let of = lower.iter_mut().max_by_key(|held| held.last().map(|&(age, _)| age))?;
            let (&(_, share), older) = of.split_last()?;
            *of = older;
            Some(share)
        })
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    fn rank(rank: u8) -> Priority {
        Priority::new(rank).expect("at most 9")
    }

    /// Shares of these ranks, in the order in which they were granted.
    fn shares(ranks: &[u8]) -> (Victims, Vec<ShareKey>) {
        let mut shares: SlotMap<ShareKey, ()> = SlotMap::with_key();
        let mut victims = Victims::default();
        let granted = ranks.iter().enumerate().map(|(age, &priority)| {
            let share = shares.insert(());
            victims.add(rank(priority), (age as u64, share), shares.len(), |_| true);
            share
        });
        let granted = granted.collect();
        (victims, granted)
    }

    #[test]
    fn the_lowest_rank_goes_first_and_among_equals_the_youngest() {
        let (victims, held) = shares(&[5, 2, 5, 2, 7]);
        let order: Vec<ShareKey> = victims.by_rank(rank(7)).collect();
        assert_eq!(order, [held[3], held[1], held[2], held[0]]);
        assert_eq!(victims.by_rank(rank(2)).count(), 0, "only a strictly higher rank takes");
    }

    #[test]
    fn by_age_the_youngest_goes_first_whatever_its_rank() {
        let (victims, held) = shares(&[5, 2, 5, 2, 7]);
        let order: Vec<ShareKey> = victims.by_age(rank(7)).collect();
        assert_eq!(order, [held[3], held[2], held[1], held[0]]);
        assert_eq!(victims.by_age(rank(2)).count(), 0, "only a strictly higher rank takes");
    }

    #[test]
    fn who_comes_back_takes_its_old_place() {
        let (mut victims, held) = shares(&[5, 5, 5]);
        victims.add(rank(5), (0, held[0]), 3, |_| true);
        assert_eq!(victims.by_rank(rank(9)).collect::<Vec<_>>(), [held[2], held[1], held[0]]);
    }

    #[test]
    fn memory_follows_the_shares_that_are_held() {
        let mut shares: SlotMap<ShareKey, ()> = SlotMap::with_key();
        let mut victims = Victims::default();
        for age in 0..100_000 {
            let share = shares.insert(());
            let alive = |share| shares.contains_key(share);
            victims.add(rank(5), (age, share), shares.len(), alive);
            shares.remove(share);
        }
        assert!(victims.by_rank(Priority::MAX).count() <= DEAD_TOLERATED + 2);
    }
}
