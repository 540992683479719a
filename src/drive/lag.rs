use connector::Duration;
use hdrhistogram::Histogram;

/// Longer lags count as this long.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How late something was done: a generator's own share of any latency.
#[derive(Clone, Debug)]
pub struct Lag {
    count: u64,
    late: Histogram<u32>,
    sum: u128,
}

impl Default for Lag {
    /// Nothing sent yet.
    fn default() -> Self {
        let late = Histogram::new_with_bounds(1_000, LONGEST.as_nanos(), 3);
        let late = late.expect("the bounds are in order and three figures are supported");
        Self { count: 0, late, sum: 0 }
    }
}

impl Lag {
    /// One was this late. In virtual time that is never any.
    pub(super) fn record(&mut self, lag: Duration) {
        self.count += 1;
        if !lag.is_zero() {
            self.late.saturating_record(lag.as_nanos());
            self.sum += u128::from(lag.as_nanos());
        }
    }

    /// Mean over all of them.
    pub fn mean(&self) -> Duration {
        let mean = self.sum / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// 99th percentile over all of them.
    pub fn p99(&self) -> Duration {
        let punctual = self.count - self.late.len();
        let rank = (self.count * 99).div_ceil(100);
        let Some(among_late) = rank.checked_sub(punctual).filter(|&n| n > 0) else {
            return Duration::ZERO;
        };
        let share = among_late as f64 / self.late.len() as f64;
        Duration::from_nanos(self.late.value_at_quantile(share))
    }

    /// Greatest.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.late.max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctual_requests_count_towards_the_percentile() {
        let mut lag = Lag::default();
        for _ in 0..980 {
            lag.record(Duration::ZERO);
        }
        for ms in 1..=20 {
            lag.record(Duration::from_millis(ms));
        }
        let p99 = lag.p99().as_millis_f64();
        assert!((p99 - 10.0).abs() < 0.1, "the tenth of the late ones, not {p99} ms");
        assert_eq!(lag.mean(), Duration::from_micros(210));
    }

    #[test]
    fn without_lateness_everything_is_zero() {
        let mut lag = Lag::default();
        lag.record(Duration::ZERO);
        assert_eq!((lag.mean(), lag.p99(), lag.max()), Default::default());
    }
}
