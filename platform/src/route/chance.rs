use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::places::Places;

/// Distinguishes the randomness of routing from that of retries and releases.
const SEED: u64 = 0x726f_7574_6573;

/// Draws among candidates, from a seed.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    randomness: Xoshiro256PlusPlus,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { randomness: Xoshiro256PlusPlus::seed_from_u64(seed ^ SEED) }
    }

    /// Any of these.
    pub(super) fn one_of(&mut self, open: Places) -> Option<usize> {
        let count = open.len();
        if count == 0 {
            return None;
        }
        open.nth(self.randomness.random_range(0..count))
    }

    /// Any two of these, in random order; one, if there is no other.
    pub(super) fn two_of(&mut self, open: Places) -> Option<(usize, Option<usize>)> {
        let one = self.one_of(open)?;
        let others = open.without([one].into_iter().collect());
        Some((one, self.one_of(others)))
    }
}
