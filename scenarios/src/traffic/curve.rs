//! A rate that changes over the day, by a change of clock.
//!
//! Arrivals are made on a clock that runs at the curve's factor: where the factor is 2, twice as many
//! arrivals fall into a second. With f the factor and F its integral, an arrival at `tau` on that clock
//! comes at t with F(t) = tau. For Poisson arrivals this is the exact inhomogeneous process; for other
//! laws it keeps their burstiness at every rate. f is linear between points and repeats, so F is
//! quadratic there and inverted in closed form.

/// A repeated, piecewise linear factor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Seconds after which it starts over.
    period: f64,
    segments: Vec<Segment>,
    /// Integral over one period.
    area: f64,
}

/// The factor between two points.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    start: f64,
    length: f64,
    from: f64,
    to: f64,
    /// Integral from the start of the period to the start of the segment.
    before: f64,
}

impl Segment {
    fn area(&self) -> f64 {
        0.5 * (self.from + self.to) * self.length
    }

    /// The time into the segment at which its integral is `area`.
    fn invert(&self, area: f64) -> f64 {
        let slope = (self.to - self.from) / self.length;
        let root = libm::sqrt((self.from * self.from + 2.0 * slope * area).max(0.0));
        let denominator = self.from + root;
        if denominator > 0.0 { (2.0 * area / denominator).min(self.length) } else { 0.0 }
    }
}

impl Curve {
    /// A curve through points (seconds from the start of the period, factor) in order of time,
    /// joined across the end of the period. `None` if the factor is zero throughout.
    pub(crate) fn new(period: f64, points: &[(f64, f64)]) -> Option<Self> {
        let (&(first_at, first), &(last_at, last)) = (points.first()?, points.last()?);
        // The factor where the period ends and begins, on the line from the last point around to
        // the first one.
        let around = period - last_at + first_at;
        let seam =
            if around > 0.0 { last + (first - last) * (period - last_at) / around } else { last };
        let inner = points.iter().copied();
        let nodes: Vec<(f64, f64)> =
            std::iter::once((0.0, seam)).chain(inner).chain([(period, seam)]).collect();
        let mut segments = Vec::new();
        let mut area = 0.0;
        for pair in nodes.windows(2) {
            let ((start, from), (end, to)) = (pair[0], pair[1]);
            if end > start {
                let segment = Segment { start, length: end - start, from, to, before: area };
                area += segment.area();
                segments.push(segment);
            }
        }
        (area > 0.0).then_some(Self { period, segments, area })
    }

    /// The mean factor.
    pub(crate) fn mean(&self) -> f64 {
        self.area / self.period
    }

    /// The real time at which the curve's clock shows `tau`.
    pub(crate) fn real_time(&self, tau: f64) -> f64 {
        let periods = libm::floor(tau / self.area);
        let rest = (tau - periods * self.area).max(0.0);
        let index = self.segments.partition_point(|segment| segment.before <= rest).max(1) - 1;
        let segment = &self.segments[index];
        periods * self.period + segment.start + segment.invert(rest - segment.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_factor_stretches_the_clock() {
        let double = Curve::new(100.0, &[(0.0, 2.0)]).expect("not zero");
        for (tau, real) in [(0.0, 0.0), (2.0, 1.0), (199.0, 99.5), (200.0, 100.0), (500.0, 250.0)] {
            assert!((double.real_time(tau) - real).abs() < 1e-9, "{tau}");
        }
    }

    #[test]
    fn a_ramp_is_inverted_exactly() {
        // Factor t over [0, 10], back to 0 at the seam: the integral at t is t^2 / 2.
        let ramp = Curve::new(10.0, &[(0.0, 0.0), (10.0, 10.0)]).expect("not zero");
        for t in [0.5, 1.0, 5.0, 9.5] {
            assert!((ramp.real_time(t * t / 2.0) - t).abs() < 1e-9, "{t}");
            assert!((ramp.real_time(50.0 + t * t / 2.0) - 10.0 - t).abs() < 1e-9, "{t}");
        }
    }

    #[test]
    fn time_never_goes_back_and_skips_hours_without_traffic() {
        let points = [(1.0, 0.0), (2.0, 1.0), (3.0, 0.0), (3.5, 0.0), (4.0, 3.0), (5.0, 0.0)];
        let curve = Curve::new(6.0, &points).expect("not zero");
        let mut last = 0.0;
        for step in 0..10_000 {
            let real = curve.real_time(f64::from(step) * 0.01);
            assert!(real >= last, "{real} after {last}");
            let phase = real % 6.0;
            assert!(!(3.01..3.49).contains(&phase) && !(5.01..5.99).contains(&phase), "{phase}");
            last = real;
        }
        assert_eq!(Curve::new(6.0, &[(1.0, 0.0)]), None);
    }
}
