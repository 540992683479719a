//! Shares that may be taken away, in the order in which they go: lowest priority first, youngest
//! first among equals.
//!
//! Nearly all of them are given back before anybody asks, so a share that ended is not looked for:
//! it stays in the list of its priority as a dead entry until those are the greater part.

use connector::Priority;

use crate::simulator::ShareKey;

/// Entries that died are tolerated up to this number and the number of live ones.
const DEAD_TOLERATED: usize = 256;

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Victims {
    /// By priority, oldest first.
    held: [Vec<ShareKey>; Priority::MAX.rank() as usize + 1],
}

impl Victims {
    /// Adds a share; at most `live` shares are alive, as `alive` tells.
    pub(crate) fn add(
        &mut self,
        priority: Priority,
        share: ShareKey,
        live: usize,
        alive: impl Fn(ShareKey) -> bool,
    ) {
        let held = &mut self.held[usize::from(priority.rank())];
        if held.len() > live + live.max(DEAD_TOLERATED) {
            held.retain(|&share| alive(share));
        }
        held.push(share);
    }

    /// Shares of lower priority than this, dead ones among them, in the order in which they go.
    pub(crate) fn below(&self, priority: Priority) -> impl Iterator<Item = ShareKey> + '_ {
        let lower = &self.held[..usize::from(priority.rank())];
        lower.iter().flat_map(|held| held.iter().rev().copied())
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    fn rank(rank: u8) -> Priority {
        Priority::new(rank).expect("at most 9")
    }

    #[test]
    fn the_lowest_priority_goes_first_and_among_equals_the_youngest() {
        let mut shares: SlotMap<ShareKey, ()> = SlotMap::with_key();
        let mut victims = Victims::default();
        let held: Vec<ShareKey> = [5, 2, 5, 2, 7]
            .map(|priority| {
                let share = shares.insert(());
                victims.add(rank(priority), share, shares.len(), |_| true);
                share
            })
            .into();
        let order: Vec<ShareKey> = victims.below(rank(7)).collect();
        assert_eq!(order, [held[3], held[1], held[2], held[0]]);
        assert_eq!(victims.below(rank(2)).count(), 0, "only a strictly higher priority takes");
    }

    #[test]
    fn memory_follows_the_shares_that_are_held() {
        let mut shares: SlotMap<ShareKey, ()> = SlotMap::with_key();
        let mut victims = Victims::default();
        for _ in 0..100_000 {
            let share = shares.insert(());
            victims.add(rank(5), share, shares.len(), |share| shares.contains_key(share));
            shares.remove(share);
        }
        assert!(victims.below(Priority::MAX).count() <= DEAD_TOLERATED + 2);
    }
}
