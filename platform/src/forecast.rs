//! How many will be needed, from how many were: exponential smoothing of a series of means, and the
//! quantile of the number that belongs to a forecast mean.
//!
//! # Mechanism
//!
//! [`Ewma`] is simple exponential smoothing: `l' = l + alpha (y - l)`, and every forecast is `l`.
//! [`HoltWinters`] adds a trend `b` and additive seasons `s` of `m` steps:
//!
//! ```text
//! l' = alpha (y - s[t-m]) + (1 - alpha) (l + b)
//! b' = beta (l' - l) + (1 - beta) b
//! s' = gamma (y - l - b) + (1 - gamma) s[t-m]
//! forecast of h steps = l' + h b' + s'[t + h - m k], the latest of that season
//! ```
//!
//! If strikes come independently (Poisson) and are never refused, the number under way at any
//! instant is Poisson distributed, whatever the distribution of their length (M/G/infinity); its
//! mean is the load (Little's law). [`enough`] is the quantile of that distribution: so many leases
//! are enough with this chance.
//!
//! # Edges
//!
//! Before a whole season was seen, Holt-Winters is an EWMA; then the level is the mean of that
//! season, the trend is zero, and the seasons are what is left of each step. A forecast below zero
//! means zero. Traffic that is burstier than Poisson needs more than the quantile says: choose a
//! higher one.
//!
//! # Source
//!
//! Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", chapter "Exponential
//! smoothing" (7 in the second edition, 8 in the third); M/G/infinity: Takacs, "Introduction to the
//! Theory of Queues", 1962.

use connector::{BasisPoints, Duration};

use crate::config::{ForecastConfig, ForecastMethod};

/// Steps of a season: a week of intervals of five minutes, twice.
pub const SEASON_MAX: usize = 4032;
/// Means above this take the normal distribution's quantile: the sum of terms would underflow.
const LARGE_MEAN: f64 = 500.0;

/// Simple exponential smoothing.
#[derive(Clone, Debug)]
pub struct Ewma {
    alpha: f64,
    level: Option<f64>,
}

impl Ewma {
    /// Nothing was seen; `alpha` from 0 to 1 is the weight of the newest value.
    pub fn new(alpha: f64) -> Self {
        Self { alpha, level: None }
    }

    /// The next value of the series. The first one is the level.
    pub fn observe(&mut self, value: f64) {
        self.level = Some(self.level.map_or(value, |level| level + self.alpha * (value - level)));
    }

    /// The forecast for every step to come; 0 before anything was seen.
    pub fn forecast(&self) -> f64 {
        self.level.unwrap_or_default()
    }
}

/// Holt and Winters' method with additive seasons.
#[derive(Clone, Debug)]
pub struct HoltWinters {
    alpha: f64,
    beta: f64,
    gamma: f64,
    level: f64,
    trend: f64,
    /// One term per step of the season, or what was seen of the first season so far.
    seasons: Vec<f64>,
    /// Steps per season.
    length: usize,
    /// The place of the next step within the season.
    next: usize,
    /// Serves until the first season was seen.
    until_then: Option<Ewma>,
}

impl HoltWinters {
    /// Nothing was seen; the weights are from 0 to 1, `length` is that of a season in steps, at
    /// least 1.
    pub fn new(alpha: f64, beta: f64, gamma: f64, length: usize) -> Self {
        Self {
            alpha,
            beta,
            gamma,
            level: 0.0,
            trend: 0.0,
            seasons: Vec::new(),
            length: length.max(1),
            next: 0,
            until_then: Some(Ewma::new(alpha)),
        }
    }

    /// Starts from a known state: level, trend, and the terms of the season that was last seen, the
    /// earliest first, at least one.
    #[must_use]
    pub fn starting_from(mut self, level: f64, trend: f64, seasons: Vec<f64>) -> Self {
        self.length = seasons.len().max(1);
        (self.level, self.trend, self.seasons) = (level, trend, seasons);
        (self.next, self.until_then) = (0, None);
        self
    }

    /// The next value of the series.
    pub fn observe(&mut self, value: f64) {
        if let Some(ewma) = &mut self.until_then {
            ewma.observe(value);
            self.seasons.push(value);
            if self.seasons.len() == self.length {
                self.begin();
            }
            return;
        }
        let season = self.seasons[self.next];
        let (level, trend) = (self.level, self.trend);
        self.level = self.alpha * (value - season) + (1.0 - self.alpha) * (level + trend);
        self.trend = self.beta * (self.level - level) + (1.0 - self.beta) * trend;
        self.seasons[self.next] =
            self.gamma * (value - level - trend) + (1.0 - self.gamma) * season;
        self.next = (self.next + 1) % self.length;
    }

    /// The forecast for the step that is `ahead` steps ahead, from 1.
    pub fn forecast(&self, ahead: usize) -> f64 {
        if let Some(ewma) = &self.until_then {
            return ewma.forecast();
        }
        let season = self.seasons[(self.next + ahead.saturating_sub(1)) % self.length];
        self.level + ahead as f64 * self.trend + season
    }

    /// The first season was seen.
    fn begin(&mut self) {
        self.level = self.seasons.iter().sum::<f64>() / self.length as f64;
        self.seasons.iter_mut().for_each(|term| *term -= self.level);
        self.until_then = None;
    }
}

/// The demand for leases of one kind.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    Ewma(Ewma),
    HoltWinters(HoltWinters),
}

impl Demand {
    pub(crate) fn new(config: &ForecastConfig) -> Self {
        match config.method {
            ForecastMethod::Ewma { alpha } => Self::Ewma(Ewma::new(alpha.as_ratio())),
            ForecastMethod::HoltWinters { alpha, beta, gamma, season } => {
                let [alpha, beta, gamma] = [alpha, beta, gamma].map(BasisPoints::as_ratio);
                let length = steps(season, config.interval);
                Self::HoltWinters(HoltWinters::new(alpha, beta, gamma, length))
            }
        }
    }

    pub(crate) fn observe(&mut self, mean: f64) {
        match self {
            Self::Ewma(ewma) => ewma.observe(mean),
            Self::HoltWinters(method) => method.observe(mean),
        }
    }

    /// The greatest mean of the next steps.
    pub(crate) fn peak(&self, steps: usize) -> f64 {
        match self {
            Self::Ewma(ewma) => ewma.forecast(),
            Self::HoltWinters(method) => {
                let steps = (1..=steps.clamp(1, SEASON_MAX)).map(|ahead| method.forecast(ahead));
                steps.fold(0.0, f64::max)
            }
        }
    }
}

/// How many intervals a time fills, rounded up, at least 1 and at most [`SEASON_MAX`].
pub(crate) fn steps(time: Duration, interval: Duration) -> usize {
    let steps = time.as_nanos().div_ceil(interval.as_nanos().max(1));
    usize::try_from(steps).unwrap_or(SEASON_MAX).clamp(1, SEASON_MAX)
}

/// The least number that a Poisson variable of this mean does not exceed with this chance (below
/// 1). Zero for a mean that is not above zero.
pub fn enough(mean: f64, chance: f64) -> u32 {
    if mean <= 0.0 || !mean.is_finite() {
        return 0;
    }
    if mean > LARGE_MEAN {
        let wanted = mean + normal_quantile(chance) * libm::sqrt(mean);
        return libm::ceil(wanted).clamp(0.0, f64::from(u32::MAX)) as u32;
    }
    let mut term = libm::exp(-mean);
    let (mut sum, mut number) = (term, 0_u32);
    // The terms add up to 1 but for rounding: beyond ten deviations they say nothing.
    let most = (mean + 10.0 * libm::sqrt(mean) + 10.0) as u32;
    while sum < chance && number < most {
        number += 1;
        term *= mean / f64::from(number);
        sum += term;
    }
    number
}

/// The quantile of the standard normal distribution, to 4.5e-4 (Abramowitz and Stegun, 26.2.23).
fn normal_quantile(chance: f64) -> f64 {
    let chance = chance.clamp(1e-12, 1.0 - 1e-12);
    let tail = if chance < 0.5 { chance } else { 1.0 - chance };
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let quantile = t - above / below;
    if chance < 0.5 { -quantile } else { quantile }
}

#[cfg(test)]
mod tests;
