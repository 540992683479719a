//! Scales and where they are marked: at round numbers.

/// Marks of a scale of values that begins at zero, at most.
const MARKS: f64 = 4.0;
/// Marks of a logarithmic scale beyond which only powers of ten are marked.
const MOST_MARKS: usize = 7;
/// Marks of a time axis, at most.
const TIME_MARKS: f64 = 12.0;
/// Shortest and longest time that a logarithmic scale tells apart, as powers of ten of a second.
const POWERS: std::ops::RangeInclusive<i32> = -6..=6;

/// From values to shares of a height.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scale {
    /// From zero to so many steps.
    Linear { step: Round, steps: u64 },
    /// Of times, between two round ones.
    Logarithmic { least: Round, most: Round },
}

/// A round number: 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Round {
    digit: u64,
    power: i32,
}

impl Round {
    /// Round numbers between these powers of ten, in order.
    fn all(powers: std::ops::RangeInclusive<i32>) -> impl Iterator<Item = Self> {
        powers.flat_map(|power| [1, 2, 5].map(|digit| Self { digit, power }))
    }

    /// So many times the number, to the nearest float.
    fn times(self, count: u64) -> f64 {
        let power = 10_u64.pow(self.power.unsigned_abs()) as f64;
        let whole = (self.digit * count) as f64;
        if self.power < 0 { whole / power } else { whole * power }
    }

    fn value(self) -> f64 {
        self.times(1)
    }

    fn of_count(self, count: u64) -> String {
        let value = self.times(count);
        if value >= 10_000.0 {
            return format!("{}k", value / 1_000.0);
        }
        let decimals = usize::try_from(-self.power).unwrap_or(0);
        if count == 0 { "0".to_owned() } else { format!("{value:.decimals$}") }
    }

    fn of_time(self) -> String {
        let (unit, power) = match self.power {
            0.. => ("s", self.power),
            -3..0 => ("ms", self.power + 3),
            _ => ("us", self.power + 6),
        };
        format!("{} {unit}", self.digit * 10_u64.pow(power.unsigned_abs()))
    }
}

impl Scale {
    /// A scale from zero that holds a value.
    pub(super) fn linear(most: f64) -> Self {
        let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        let step = Round::all(-6..=15).find(|step| step.times(MARKS as u64) >= most);
        let step = step.unwrap_or(Round { digit: 5, power: 15 });
        Self::Linear { step, steps: ((most / step.value()).ceil() as u64).clamp(1, MARKS as u64) }
    }

    /// A logarithmic scale of times that holds all between these.
    pub(super) fn logarithmic(least: f64, most: f64) -> Self {
        let below = Round::all(POWERS).filter(|mark| mark.value() <= least).last();
        let above = Round::all(POWERS).find(|mark| mark.value() >= most.max(least));
        let least = below.unwrap_or(Round { digit: 1, power: *POWERS.start() });
        let most = above.unwrap_or(Round { digit: 5, power: *POWERS.end() });
        let most = if most == least { Round { power: most.power + 1, ..most } } else { most };
        Self::Logarithmic { least, most }
    }

    /// How far up a value is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear { step, steps } => value / step.times(*steps),
            Self::Logarithmic { least, most } => {
                libm::log(value.max(f64::MIN_POSITIVE) / least.value())
                    / libm::log(most.value() / least.value())
            }
        };
        share.clamp(0.0, 1.0)
    }

    /// What is marked, and how it reads.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Linear { step, steps } => {
                (0..=*steps).map(|count| (step.times(count), step.of_count(count))).collect()
            }
            Self::Logarithmic { least, most } => {
                let (least, most) = (least.value(), most.value());
                let inside =
                    || Round::all(-6..=7).filter(|at| (least..=most).contains(&at.value()));
                let all = inside().count() <= MOST_MARKS;
                let marked = inside().filter(|mark| all || mark.digit == 1);
                marked.map(|mark| (mark.value(), mark.of_time())).collect()
            }
        }
    }
}

/// Where a time axis up to `end` seconds is marked, and how that reads.
pub(super) fn times(end: f64) -> Vec<(f64, String)> {
    /// Steps in milliseconds, and the unit that they read in.
    const STEPS: [(u64, u64, &str); 24] = [
        (1, 1, "ms"),
        (10, 1, "ms"),
        (100, 1, "ms"),
        (200, 1, "ms"),
        (500, 1, "ms"),
        (1_000, 1_000, "s"),
        (2_000, 1_000, "s"),
        (5_000, 1_000, "s"),
        (10_000, 1_000, "s"),
        (15_000, 1_000, "s"),
        (30_000, 1_000, "s"),
        (60_000, 60_000, "min"),
        (120_000, 60_000, "min"),
        (300_000, 60_000, "min"),
        (600_000, 60_000, "min"),
        (1_800_000, 60_000, "min"),
        (3_600_000, 3_600_000, "h"),
        (7_200_000, 3_600_000, "h"),
        (14_400_000, 3_600_000, "h"),
        (43_200_000, 3_600_000, "h"),
        (86_400_000, 86_400_000, "d"),
        (604_800_000, 86_400_000, "d"),
        (2_419_200_000, 86_400_000, "d"),
        (31_536_000_000, 31_536_000_000, "years"),
    ];
    let fits = |&&(step, ..): &&(u64, u64, &str)| end * 1e3 / step as f64 <= TIME_MARKS;
    let Some(&(step, unit, name)) = STEPS.iter().find(fits) else {
        return vec![(0.0, "0".to_owned())];
    };
    let marks = (end * 1e3 / step as f64) as u64;
    (0..=marks)
        .map(|mark| (mark * step, mark * step / unit))
        .map(|(ms, count)| (ms as f64 / 1e3, format!("{count} {name}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_from_zero_is_marked_at_round_numbers_and_holds_its_value() {
        let read = |most: f64| {
            let marks = Scale::linear(most).marks();
            marks.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(read(0.0), ["0", "0.5", "1.0"]);
        assert_eq!(read(280.0), ["0", "100", "200", "300"]);
        assert_eq!(read(0.3), ["0.0", "0.1", "0.2", "0.3"].map(|text| text.replace("0.0", "0")));
        assert_eq!(read(4.0), ["0", "1", "2", "3", "4"]);
        assert_eq!(read(45_000.0), ["0", "20k", "40k", "60k"]);
        for most in [1e-9, 0.017, 3.0, 999.0, 1e12, 1e300, f64::NAN] {
            let marks = Scale::linear(most).marks();
            assert!((2..=5).contains(&marks.len()), "{most}: {marks:?}");
        }
        assert!((Scale::linear(280.0).share(150.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_logarithmic_scale_is_marked_by_ones_twos_and_fives_or_by_powers_of_ten() {
        let read = |least: f64, most: f64| {
            let marks = Scale::logarithmic(least, most).marks();
            marks.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(read(0.3, 2.9), ["200 ms", "500 ms", "1 s", "2 s", "5 s"]);
        assert_eq!(read(0.004, 30.0), ["10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(read(1.0, 1.0), ["1 s", "2 s", "5 s", "10 s"]);
        assert_eq!(read(2e-4, 4e-4), ["200 us", "500 us"]);
        let scale = Scale::logarithmic(0.001, 10.0);
        assert!((scale.share(0.1) - 0.5).abs() < 1e-12);
        assert_eq!((scale.share(0.0), scale.share(1e9)), (0.0, 1.0));
    }

    #[test]
    fn time_is_marked_in_the_unit_that_fits() {
        let read =
            |end: f64| times(end).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ");
        assert_eq!(read(0.0), "0 ms");
        assert_eq!(read(0.5), "0 ms 100 ms 200 ms 300 ms 400 ms 500 ms");
        assert_eq!(read(305.0), "0 s 30 s 60 s 90 s 120 s 150 s 180 s 210 s 240 s 270 s 300 s");
        assert_eq!(
            read(612.0),
            "0 min 1 min 2 min 3 min 4 min 5 min 6 min 7 min 8 min 9 min 10 min"
        );
        assert_eq!(
            read(86_400.0),
            "0 h 12 h 24 h"
                .replace("12 h 24 h", "2 h 4 h 6 h 8 h 10 h 12 h 14 h 16 h 18 h 20 h 22 h 24 h")
        );
        assert_eq!(read(1e300), "0");
    }
}
