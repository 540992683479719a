use super::TICKS_PER_NS;

/// Step times in arithmetic progression: step `j` (from 0) takes `first + slope j` ticks.
///
/// With `T(k) = k first + slope k (k - 1) / 2` for the time of `k` steps, everything an engine asks
/// of a stretch is closed: when its k-th step ends, and which step is under way at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Ticks of the first step, at least a nanosecond.
    pub first: i64,
    /// Ticks by which each step takes longer than the one before.
    pub slope: i64,
    /// How many steps the line is exact for, at least 1.
    pub steps: u64,
}

impl Line {
    /// More steps than any stretch has; keeps the arithmetic within 128 bits.
    pub const LONGEST: u64 = 1 << 32;

    /// Steps that all take this many nanoseconds.
    pub fn constant(ns: f64) -> Self {
        Self { first: ticks(ns), slope: 0, steps: Self::LONGEST }
    }

    /// Ticks that the first `steps` steps take together.
    #[inline]
    pub fn time(&self, steps: u64) -> i128 {
        debug_assert!(steps <= Self::LONGEST);
        let pairs = steps.wrapping_sub(1).wrapping_mul(steps) / 2;
        let flat = i128::from(steps.cast_signed()) * i128::from(self.first);
        flat + i128::from(pairs.cast_signed()) * i128::from(self.slope)
    }

    /// Ticks of step `j`.
    #[inline]
    pub fn step(&self, j: u64) -> i64 {
        self.first + self.slope * j.cast_signed()
    }

    /// The least number of steps that take at least this many ticks, up to the length of the line.
    ///
    /// The root of the quadratic is found in floating point and corrected against
    /// [`Line::time`], which is the truth.
    #[inline]
    pub fn steps_until(&self, ticks: i128) -> u64 {
        if ticks <= 0 {
            return 0;
        }
        // The narrow conversion is an instruction, the wide one a call.
        let wanted = i64::try_from(ticks).map_or_else(|_| ticks as f64, |ticks| ticks as f64);
        let (slope, linear) = (self.slope as f64, self.first as f64 - self.slope as f64 / 2.0);
        let discriminant = linear * linear + 2.0 * slope * wanted;
        let root = if discriminant > 0.0 {
            2.0 * wanted / (linear + discriminant.sqrt())
        } else {
            self.steps as f64
        };
        let mut steps = (root as u64).min(self.steps);
        while steps > 0 && self.time(steps - 1) >= ticks {
            steps -= 1;
        }
        while steps < self.steps && self.time(steps) < ticks {
            steps += 1;
        }
        steps
    }
}

/// The nearest number of ticks, at least a nanosecond's.
pub(crate) fn ticks(ns: f64) -> i64 {
    ((ns * TICKS_PER_NS as f64 + 0.5) as i64).max(TICKS_PER_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(first: i64, slope: i64, steps: u64) -> Line {
        Line { first, slope, steps }
    }

    #[test]
    fn the_closed_form_is_the_sum_of_the_steps() {
        for line in [line(5 << 20, 3, 1000), line(900_000_000, -700_000, 1000), line(1 << 40, 0, 9)]
        {
            let mut sum = 0;
            for j in 0..line.steps {
                assert_eq!(line.time(j), sum);
                sum += i128::from(line.step(j));
            }
        }
    }

    #[test]
    fn the_step_under_way_is_found_at_both_edges_of_every_step() {
        for line in
            [line(5 << 20, 300, 500), line(900_000_000, -700_000, 1000), line(1 << 20, 0, 9)]
        {
            for k in 1..line.steps {
                let end = line.time(k);
                assert_eq!(line.steps_until(end), k);
                assert_eq!(line.steps_until(end - 1), k);
                assert_eq!(line.steps_until(end + 1), k + 1);
            }
            assert_eq!(line.steps_until(0), 0);
            assert_eq!(line.steps_until(line.time(line.steps) + 1), line.steps);
        }
    }
}
