//! Who will take a KV block when.
//!
//! A sequence that decodes takes a block whenever its context passes a multiple of the block size.
//! Seen from a frame that turns with the steps, the place of a sequence within its block never
//! changes, so all that is needed is how many sequences stand at each place: `k` steps take one
//! block per sequence and whole turn, and one for each sequence on the arc that is left.
//!
//! A short arc is summed as it is, a long one by a Fenwick tree (Fenwick, Software: Practice and
//! Experience 24(3), 1994) in the logarithm of the block size. Places are in units of `1 / scale`
//! token, which is more than one only where speculative decoding advances sequences by fractions of
//! a token.

/// Places that are summed one by one.
const SHORT_ARC: u32 = 8;

/// How far a sequence gets in a step: `stride / scale` tokens, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) stride: u32,
    pub(super) scale: u32,
}

impl Pace {
    /// One token per step.
    pub(super) const PLAIN: Self = Self { stride: 1, scale: 1 };

    /// Tokens made in this many steps.
    #[inline]
    pub(super) fn tokens(self, steps: u64) -> u64 {
        match self {
            Self::PLAIN => steps,
            Self { stride, scale } => steps * u64::from(stride) / u64::from(scale),
        }
    }

    /// The least number of steps that make this many tokens.
    #[inline]
    pub(super) fn steps(self, tokens: u32) -> u64 {
        match self {
            Self::PLAIN => u64::from(tokens),
            Self { stride, scale } => {
                (u64::from(tokens) * u64::from(scale)).div_ceil(u64::from(stride))
            }
        }
    }
}

/// Places of the sequences that decode, within their blocks. See the module text.
#[derive(Debug)]
pub(super) struct Phases {
    /// Sequences at each place.
    counts: Vec<u32>,
    /// Their sums.
    tree: Vec<u32>,
    /// Units in a block, a power of two.
    turn: u32,
    turn_shift: u32,
    stride: u32,
    /// How far the frame has turned.
    turned: u32,
    sequences: u32,
}

impl Phases {
    /// Nobody decodes. `block_tokens` is a power of two.
    pub(super) fn new(block_tokens: u32, pace: Pace) -> Self {
        let turn = block_tokens * pace.scale;
        debug_assert!(turn.is_power_of_two());
        Self {
            counts: vec![0; turn as usize],
            tree: vec![0; turn as usize + 1],
            turn,
            turn_shift: turn.trailing_zeros(),
            stride: pace.stride,
            turned: 0,
            sequences: 0,
        }
    }

    /// A sequence begins to decode at this position, in units.
    pub(super) fn add(&mut self, position: u64) {
        let place = self.place(position);
        self.sequences += 1;
        self.counts[place as usize] += 1;
        let mut index = place as usize + 1;
        while index < self.tree.len() {
            self.tree[index] += 1;
            index += index & index.wrapping_neg();
        }
    }

    /// The sequence that has come to this position decodes no longer.
    pub(super) fn remove(&mut self, position: u64) {
        let place = self.place(position);
        self.sequences -= 1;
        self.counts[place as usize] -= 1;
        let mut index = place as usize + 1;
        while index < self.tree.len() {
            self.tree[index] -= 1;
            index += index & index.wrapping_neg();
        }
    }

    /// All sequences take this many steps.
    pub(super) fn advance(&mut self, steps: u64) {
        self.turned = self.add_turned(steps);
    }

    /// Blocks that all sequences take together in this many steps.
    pub(super) fn blocks(&self, steps: u64) -> u64 {
        if self.sequences == 0 {
            return 0;
        }
        let way = steps * u64::from(self.stride);
        let whole = (way >> self.turn_shift) * u64::from(self.sequences);
        let part = way as u32 & (self.turn - 1);
        whole + u64::from(self.on_last(part))
    }

    /// Sequences on the last `part` of a turn: those whose place, as seen from the frame, is in
    /// `part` units before `turn - turned`.
    fn on_last(&self, part: u32) -> u32 {
        let end = self.turn - self.turned;
        if part <= SHORT_ARC {
            let place = |back| (end.wrapping_sub(back) & (self.turn - 1)) as usize;
            (1..=part).map(|back| self.counts[place(back)]).sum()
        } else if part <= end {
            self.below(end) - self.below(end - part)
        } else {
            self.below(end) + self.sequences - self.below(end + self.turn - part)
        }
    }

    /// No more than this many blocks are taken in this many steps.
    #[inline]
    pub(super) fn at_most(&self, steps: u64) -> u64 {
        let turns = (steps.saturating_mul(u64::from(self.stride)) >> self.turn_shift) + 1;
        turns.saturating_mul(u64::from(self.sequences))
    }

    /// The most steps in which all sequences take no more than so many blocks, where each makes one
    /// token per step; `None` otherwise, and if there are no sequences.
    pub(super) fn steps_within(&self, blocks: u64) -> Option<u64> {
        let sequences = u64::from(self.sequences);
        if sequences == 0 || self.stride != 1 {
            return None;
        }
        let turns = (blocks / sequences) << self.turn_shift;
        let mut left = (blocks % sequences) as u32;
        let end = self.turn - self.turned;
        for part in 1..self.turn {
            let count = self.counts[(end.wrapping_sub(part) & (self.turn - 1)) as usize];
            if count > left {
                return Some(turns + u64::from(part - 1));
            }
            left -= count;
        }
        Some(turns + u64::from(self.turn - 1))
    }

    /// Sequences whose place is below this one.
    fn below(&self, place: u32) -> u32 {
        let mut index = place as usize;
        let mut sum = 0;
        while index > 0 {
            sum += self.tree[index];
            index &= index - 1;
        }
        sum
    }

    fn place(&self, position: u64) -> u32 {
        (position as u32).wrapping_sub(self.turned) & (self.turn - 1)
    }

    fn add_turned(&self, steps: u64) -> u32 {
        let way = (steps * u64::from(self.stride)) as u32;
        self.turned.wrapping_add(way) & (self.turn - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of a sequence by definition: it holds `ceil(position / turn)`, see `Shape::blocks`.
    fn taken(position: u64, way: u64, turn: u64) -> u64 {
        (position + way) / turn - position / turn
    }

    #[test]
    fn blocks_are_taken_when_a_multiple_is_passed() {
        for (block, pace) in [
            (16, Pace::PLAIN),
            (1, Pace::PLAIN),
            (4, Pace { stride: 64, scale: 64 }),
            (8, Pace { stride: 167, scale: 64 }),
        ] {
            let mut phases = Phases::new(block, pace);
            let turn = u64::from(block * pace.scale);
            let mut positions: Vec<u64> = (0..40).map(|i| i * i * 7 + 3 * i).collect();
            for &position in &positions {
                phases.add(position);
            }
            for round in 0..60 {
                for steps in 0..50 {
                    let way = steps * u64::from(pace.stride);
                    let expected: u64 = positions.iter().map(|&p| taken(p, way, turn)).sum();
                    assert_eq!(phases.blocks(steps), expected);
                    assert!(phases.at_most(steps) >= expected);
                }
                if pace == Pace::PLAIN && !positions.is_empty() {
                    for blocks in 0..200 {
                        let steps = phases.steps_within(blocks).expect("a token per step");
                        assert!(phases.blocks(steps) <= blocks);
                        assert!(phases.blocks(steps + 1) > blocks);
                    }
                }
                phases.advance(round);
                for position in &mut positions {
                    *position += round * u64::from(pace.stride);
                }
                if let Some(gone) = positions.pop() {
                    phases.remove(gone);
                }
            }
        }
    }
}
