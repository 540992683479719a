use connector::Duration;

/// Weight that halves over a fixed time.
///
/// The half-life is a power of two in nanoseconds, so that no hot path divides; between two halvings
/// the weight falls in a straight line, at most 6 % above the exponential. That is exact arithmetic:
/// the same on every machine, and without a call into a mathematical library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fading {
    shift: u32,
}

impl Fading {
    /// A half-life of `2^shift` nanoseconds, 1 to 52: 33 is 8.6 s, 34 is 17.2 s.
    pub(crate) const fn halving_every_two_to_the(shift: u32) -> Self {
        assert!(shift >= 1 && shift <= 52, "a half-life between 2 ns and 52 days");
        Self { shift }
    }

    /// What is left of a weight of 1 after `age`.
    pub(crate) fn left(self, age: Duration) -> f64 {
        let ns = age.as_nanos();
        let halvings = ns >> self.shift;
        if halvings >= 64 {
            return 0.0;
        }
        let part = (ns - (halvings << self.shift)) as f64 / (1u64 << self.shift) as f64;
        (1.0 - part / 2.0) / (1u64 << halvings) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_halves_and_halves_again_and_is_gone_in_the_end() {
        let fading = Fading::halving_every_two_to_the(10);
        let left = |ns| fading.left(Duration::from_nanos(ns));
        for (ns, expected) in [(0, 1.0), (512, 0.75), (1024, 0.5), (2048, 0.25), (u64::MAX, 0.0)] {
            assert!((left(ns) - expected).abs() < 1e-12, "{ns}: {}", left(ns));
        }
    }

    #[test]
    fn the_straight_lines_stay_within_seven_percent_of_the_exponential() {
        let fading = Fading::halving_every_two_to_the(20);
        for ns in (0..8 << 20).step_by(4099) {
            let exact = (-(ns as f64) / f64::from(1 << 20)).exp2();
            let ratio = fading.left(Duration::from_nanos(ns)) / exact;
            assert!((1.0 - 1e-12..1.07).contains(&ratio), "{ns}: {ratio}");
        }
    }
}
