//! How long a request is going to take on a candidate.
//!
//! # Problem
//!
//! Pools are shared and somebody else's: what they state says little about now. What was measured of
//! other requests says more, but answers differ in length a thousandfold, and a pool is slower the
//! more of our own requests it has.
//!
//! # Mechanism
//!
//! Two times are kept for each model on each cable, neither of which depends on the length of the
//! answer: from asking for a share to the first token, less the stated time of the prompt (*start*),
//! and the time per output token after the first. Each has its quantile and mean over what was seen
//! lately ([`spread`]), apart for [`BANDS`] levels of load: what a pool did with four requests is no
//! forecast for forty.
//!
//! A prediction takes the level that the cable would have with this request:
//!
//! ```text
//! first token = waited so far + line + start + prompt x stated pace
//! end to end  = first token + (output - 1) x time per output token
//! ```
//!
//! The sum of two quantiles is no less than the quantile of the sum for times that go together, so
//! the second line errs on the safe side. The line is what its measured pace says, where all places
//! are taken.
//!
//! # Edges
//!
//! A level at which nothing was seen borrows from the nearest lower one, which is hopeful: load rises
//! by one request at a time, and the first answers at the new level tell. A candidate of which
//! nothing is known has its stated pace. What was seen fades by half every 34 s; once it is worth less
//! than a single time, the stated pace comes back in proportion. A pool that is avoided because it
//! was slow is therefore tried again after a minute or a few, the slower the later.
//!
//! A first token that did not come before its time-out counts as if it had come then.

mod spread;

use connector::{Duration, Timestamp, Tokens};

use self::spread::Spread;
use super::{choice::Choice, load::Load};
use crate::{cable::Cable, deadlines::WorkTime, interface::Request, per_pair::PerPair};

/// Levels of load that are told apart.
const BANDS: usize = 8;
/// Times from which a level can be judged. One: whoever was slow once is not tried again at once.
const ENOUGH: f64 = 1.0;

/// How much a cable had to do when a strike began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band(u8);

impl Band {
    pub(crate) const LEAST: Self = Self(0);

    /// With so many strikes under way, the new one among them: eighths of the places, or powers of
    /// two where places are not limited.
    pub(crate) fn of(in_flight: u32, places: u32) -> Self {
        let in_flight = in_flight.max(1);
        let band = if places == u32::MAX {
            in_flight.ilog2().min(BANDS as u32 - 1)
        } else {
            let eighths = u64::from(in_flight) * BANDS as u64;
            let is_above = |band: u64| u32::from(eighths > band * u64::from(places));
            (1..BANDS as u64).map(is_above).sum()
        };
        Self(band as u8)
    }

    fn with_one_more(load: Load) -> Self {
        Self::of(load.in_flight.saturating_add(1), load.places)
    }
}

/// What is expected of a candidate. Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prediction {
    /// In line, of `first_token`.
    pub(crate) line: f64,
    /// From a place to the first token, the quantile.
    pub(crate) start: f64,
    /// From arrival, the quantile.
    pub(crate) first_token: f64,
    /// The quantile.
    pub(crate) per_output_token: f64,
    /// From arrival, the quantile.
    pub(crate) end_to_end: f64,
    /// How long the share is held, the mean.
    pub(crate) held: f64,
    /// How many measurements that rests on.
    pub(crate) count: f64,
    /// Strikes there, for the same model, that have begun and not ended.
    pub(crate) under_way: u32,
}

impl Prediction {
    /// Whether it rests on measurements.
    pub(crate) fn is_known(&self) -> bool {
        self.count >= ENOUGH
    }

    /// How long an answer of this length takes once there is a place, the quantile.
    pub(crate) fn work_time(&self, output: Tokens) -> WorkTime {
        let later = f64::from(output.get().saturating_sub(1)) * self.per_output_token;
        WorkTime {
            first_token: Duration::from_nanos(self.start as u64),
            whole: Duration::from_nanos((self.start + later) as u64),
        }
    }
}

/// What was seen of a candidate at the level of load that it would have.
struct Known<'a> {
    forecast: &'a Forecast,
    /// How many measurements it is worth by now.
    count: f64,
    /// How much it counts against what the pool states: all, or less than that.
    trust: f64,
}

/// What was seen of every model on every cable.
#[derive(Clone, Debug)]
pub(crate) struct Predictor {
    share: f64,
    pairs: PerPair<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// No forecast of the time per token was ever below this.
    least_per_token: f64,
    /// Nothing before the first answer.
    pair: Option<Box<Pair>>,
    /// Strikes that have begun and not ended.
    under_way: u32,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    bands: [Option<Box<Seen>>; BANDS],
    /// By band, what is told of it: kept ready, because it is asked for more often than it changes.
    forecasts: [Forecast; BANDS],
}

#[derive(Clone, Debug)]
struct Seen {
    start: Spread,
    per_token: Spread,
}

#[derive(Clone, Copy, Debug, Default)]
struct Forecast {
    start: f64,
    start_mean: f64,
    per_token: f64,
    per_token_mean: f64,
    /// Worth so many measurements at that time.
    count: f64,
    at: Timestamp,
}

impl Forecast {
    const NOTHING: Self = Self {
        start: 0.0,
        start_mean: 0.0,
        per_token: 0.0,
        per_token_mean: 0.0,
        count: 0.0,
        at: Timestamp::ZERO,
    };
}

impl Predictor {
    /// Predicts this quantile, as a share below 1.
    pub(super) fn new(cables: usize, models: usize, share: f64) -> Self {
        let nothing = Entry { least_per_token: f64::INFINITY, pair: None, under_way: 0 };
        Self { share, pairs: PerPair::new(cables, models, nothing) }
    }

    /// A strike has begun.
    pub(super) fn begun(&mut self, choice: &Choice) {
        self.pairs[(choice.cable, choice.model)].under_way += 1;
    }

    /// A strike that had begun has ended.
    pub(super) fn ended(&mut self, choice: &Choice) {
        self.pairs[(choice.cable, choice.model)].under_way -= 1;
    }

    /// A first token came so long after its share was asked for.
    pub(super) fn started(
        &mut self,
        now: Timestamp,
        choice: &Choice,
        band: Band,
        request: &Request,
        took: Duration,
    ) {
        let prompt = Duration::from_nanos(choice.prompt_time(request) as u64);
        let start = took.saturating_sub(prompt);
        self.seen(now, choice, band, |seen| seen.start.observe(now, start));
    }

    /// So many tokens after the first came in this time.
    pub(super) fn told(
        &mut self,
        now: Timestamp,
        choice: &Choice,
        band: Band,
        (tokens, took): (u32, Duration),
    ) {
        if tokens > 0 {
            let per_token = took / u64::from(tokens);
            self.seen(now, choice, band, |seen| seen.per_token.observe(now, per_token));
        }
    }

    fn seen(
        &mut self,
        now: Timestamp,
        choice: &Choice,
        Band(band): Band,
        observe: impl FnOnce(&mut Seen),
    ) {
        let (share, band) = (self.share, usize::from(band));
        let entry = &mut self.pairs[(choice.cable, choice.model)];
        let pair = entry.pair.get_or_insert_with(Box::default);
        let nothing =
            || Box::new(Seen { start: Spread::new(share), per_token: Spread::new(share) });
        let seen = pair.bands[band].get_or_insert_with(nothing);
        observe(seen);
        pair.forecasts[band] = seen.forecast(now, choice);
        entry.least_per_token = entry.least_per_token.min(pair.forecasts[band].per_token_mean);
    }

    /// What is to be expected of this candidate.
    pub(super) fn predict(
        &self,
        now: Timestamp,
        choice: &Choice,
        cable: &Cable,
        request: &Request,
    ) -> Prediction {
        let Known { forecast, count, trust } = self.known(now, choice, cable);
        let stated = choice.per_output_token();
        let per_output_token = stated + trust * (forecast.per_token - stated);
        let held = self.held(now, choice, cable, request);
        let line = waiting(now, cable, held);
        let spent = now.since(request.arrived).as_nanos() as f64;
        let start = choice.prompt_time(request) + trust * forecast.start;
        let first_token = spent + line + start;
        let end_to_end = first_token + later_tokens(choice, request) * per_output_token;
        let under_way = self.pairs[(choice.cable, choice.model)].under_way;
        Prediction {
            line,
            start,
            first_token,
            per_output_token,
            end_to_end,
            held,
            count,
            under_way,
        }
    }

    /// [`held`](Self::held) is no less than this, at any load: told without a look at the cable.
    #[inline]
    pub(super) fn held_at_least(&self, choice: &Choice, request: &Request) -> f64 {
        let measured = self.pairs[(choice.cable, choice.model)].least_per_token;
        let per_token = measured.min(choice.per_output_token());
        choice.prompt_time(request) + later_tokens(choice, request) * per_token
    }

    /// How long a share is going to be held there: the mean, in nanoseconds.
    pub(super) fn held(
        &self,
        now: Timestamp,
        choice: &Choice,
        cable: &Cable,
        request: &Request,
    ) -> f64 {
        let Known { forecast, trust, .. } = self.known(now, choice, cable);
        let stated = choice.per_output_token();
        let per_token = stated + trust * (forecast.per_token_mean - stated);
        let prompt = choice.prompt_time(request);
        prompt + trust * forecast.start_mean + later_tokens(choice, request) * per_token
    }

    #[inline]
    fn known(&self, now: Timestamp, choice: &Choice, cable: &Cable) -> Known<'_> {
        let Some(forecast) = self.forecast(choice, Band::with_one_more(cable.load())) else {
            return Known { forecast: &Forecast::NOTHING, count: 0.0, trust: 0.0 };
        };
        let count = forecast.count * spread::MEMORY.left(now.since(forecast.at));
        Known { forecast, count, trust: (count / ENOUGH).min(1.0) }
    }

    /// Of this level of load, or else of the nearest below, or else of the nearest above.
    #[inline]
    fn forecast(&self, choice: &Choice, Band(band): Band) -> Option<&Forecast> {
        let pair = self.pairs[(choice.cable, choice.model)].pair.as_ref()?;
        let (below, above) = pair.forecasts.split_at(usize::from(band) + 1);
        let known = |one: &&Forecast| one.count > 0.0;
        below.iter().rev().find(known).or_else(|| above.iter().find(known))
    }
}

impl Seen {
    fn forecast(&self, now: Timestamp, choice: &Choice) -> Forecast {
        let told = self.per_token.count(now) > 0.0;
        let stated = choice.per_output_token();
        let or_stated = |measured: f64| if told { measured } else { stated };
        Forecast {
            start: self.start.quantile(),
            start_mean: self.start.mean(),
            per_token: or_stated(self.per_token.quantile()),
            per_token_mean: or_stated(self.per_token.mean()),
            count: self.start.count(now).max(self.per_token.count(now)),
            at: now,
        }
    }
}

/// Time in line: what its measured pace says, or else as many holds as there are ahead at a place.
fn waiting(now: Timestamp, cable: &Cable, held: f64) -> f64 {
    if cable.has_place(now) {
        return 0.0;
    }
    let load = cable.load();
    let measured = cable.pace.wait(now, load.queued);
    let guess = || held * f64::from(load.queued + 1) / f64::from(load.places.max(1));
    measured.map_or_else(guess, |wait| wait.as_nanos() as f64)
}

/// Of its answer, after the first.
#[inline]
fn later_tokens(choice: &Choice, request: &Request) -> f64 {
    f64::from(choice.output(request).get().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_load_are_eighths_of_the_places_or_powers_of_two() {
        let bands = |places: u32, loads: &[u32]| -> Vec<u8> {
            loads.iter().map(|&load| Band::of(load, places).0).collect()
        };
        assert_eq!(bands(16, &[0, 1, 2, 3, 4, 15, 16, 17]), [0, 0, 0, 1, 1, 7, 7, 7]);
        assert_eq!(bands(1, &[0, 1, 2]), [7, 7, 7]);
        assert_eq!(bands(u32::MAX, &[1, 2, 3, 4, 128, 1_000_000]), [0, 1, 1, 2, 7, 7]);
    }
}
