//! Figures for people: three significant digits and the unit that fits.

use connector::Duration;

/// A duration with three significant digits: `850 us`, `12.3 ms`, `1.50 s`, `12.5 min`, `3.20 h`.
pub fn duration(value: Duration) -> String {
    seconds(value.as_secs_f64())
}

/// The same for seconds as they come out of statistics: hours from ten on.
pub(crate) fn seconds(value: f64) -> String {
    /// Largest figure that still reads well, the unit's length in seconds, its name.
    const UNITS: [(f64, f64, &str); 6] = [
        (999.5, 1e-9, "ns"),
        (999.5, 1e-6, "us"),
        (999.5, 1e-3, "ms"),
        (600.0, 1.0, "s"),
        (600.0, 60.0, "min"),
        (f64::INFINITY, 3600.0, "h"),
    ];
    if value == 0.0 {
        return "0 s".to_owned();
    }
    let fits = |(most, length, _): &(f64, f64, &str)| value.abs() / length < *most;
    let (_, length, unit) = UNITS.into_iter().find(fits).unwrap_or(UNITS[5]);
    format!("{} {unit}", significant(value / length))
}

/// Three significant digits, more only where the whole part has more: `0.00120`, `12.3`, `8412`.
pub fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.09995 => 3,
        v if v >= 0.009_995 => 4,
        v if v >= 0.000_999_5 => 5,
        _ => return format!("{value:.2e}"),
    };
    format!("{value:.decimals$}")
}

/// How many times, or how many per second: `0.997`, `12.3`, `8,412`.
pub(crate) fn times(value: f64) -> String {
    if value < 99.95 { significant(value) } else { whole(value.round() as u64) }
}

/// A ratio in percent: `0.034%`, `12.5%`, `100%`.
pub(crate) fn percent(ratio: f64) -> String {
    let in_percent = ratio * 100.0;
    if in_percent.abs() >= 99.95 {
        format!("{in_percent:.0}%")
    } else {
        format!("{}%", significant(in_percent))
    }
}

/// A whole number with its thousands apart: `1,234,567`.
pub(crate) fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_significant_digits_and_a_fitting_unit() {
        for (ns, text) in [
            (0, "0 s"),
            (7, "7.00 ns"),
            (850_000, "850 us"),
            (999_400, "999 us"),
            (999_600, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (999_999_999, "1.00 s"),
            (1_500_000_000, "1.50 s"),
            (99_960_000_000, "100 s"),
            (300_000_000_000, "300 s"),
            (750_000_000_000, "12.5 min"),
            (36_000_000_000_000, "10.0 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(ns)), text);
        }
    }

    #[test]
    fn ends_of_intervals_may_be_below_zero() {
        assert_eq!(seconds(-4.853), "-4.85 s");
        assert_eq!(percent(-2.93), "-293%");
    }

    #[test]
    fn ratios_read_in_percent() {
        for (ratio, text) in [
            (0.0, "0%"),
            (0.000_34, "0.0340%"),
            (0.125, "12.5%"),
            (1.0, "100%"),
            (1e-9, "1.00e-7%"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }

    #[test]
    fn small_numbers_of_times_keep_their_decimals() {
        for (value, text) in
            [(0.0, "0"), (0.997, "0.997"), (12.34, "12.3"), (99.97, "100"), (8_412.4, "8,412")]
        {
            assert_eq!(times(value), text);
        }
    }

    #[test]
    fn thousands_are_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(whole(value), text);
        }
    }
}
