use connector::ErrorKind;

use super::*;
use crate::sample::{at_ms, completed, failed, gauge};

fn by_second() -> Series {
    Series::new(Duration::from_secs(1), 2)
}

#[test]
fn requests_count_where_they_arrive_and_where_they_finish() {
    let mut series = by_second();
    series.record(&completed(500, 2_000));
    series.record(&failed(600, Outcome::Failed(ErrorKind::Timeout)));
    let of = |pick: fn(&Interval) -> u64| series.intervals().iter().map(pick).collect::<Vec<_>>();
    assert_eq!(of(|interval| interval.arrivals), [2, 0, 0]);
    assert_eq!(of(|interval| interval.completions), [0, 0, 1]);
    assert_eq!(of(|interval| interval.failures), [0, 1, 0]);
    assert_eq!(of(|interval| interval.output_tokens), [0, 0, 11]);
    assert_eq!(series.intervals()[2].end_to_end.mean_s(), Some(2.0));
    assert_eq!(series.intervals()[2].first_token.p95_s(), Some(0.2));
    assert_eq!(series.intervals()[0].first_token.p95_s(), None);
}

#[test]
fn a_gauge_at_the_end_of_an_interval_belongs_to_it() {
    let mut series = by_second();
    series.gauge(at_ms(1_000), &gauge(at_ms(1_000), 10));
    assert_eq!(series.intervals().len(), 1);
    assert_eq!(series.intervals()[0].pools[0].at, Some(at_ms(1_000)));
    assert_eq!(series.intervals()[0].pools[1].at, None);
}

#[test]
fn the_most_in_flight_of_an_interval_is_kept() {
    let mut series = by_second();
    for (ms, requests) in [(100, 3), (200, 7), (300, 5), (1_100, 1)] {
        series.in_flight(at_ms(ms), requests);
    }
    let peaks: Vec<_> = series.intervals().iter().map(|interval| interval.in_flight).collect();
    assert_eq!(peaks, [Some(7), Some(1)]);
}

#[test]
fn a_run_that_outgrows_the_limit_doubles_its_intervals_and_loses_nothing() {
    let seconds = 5 * MAX_INTERVALS as u64;
    let mut series = by_second();
    for second in 0..seconds {
        series.record(&completed(second * 1_000, 500));
        series.in_flight(at_ms(second * 1_000), second);
        let at = at_ms(second * 1_000 + 1_000);
        series.gauge(at, &gauge(at, second));
    }
    assert_eq!(series.length(), Duration::from_secs(8));
    assert!(series.intervals().len() <= MAX_INTERVALS);
    assert!(series.intervals().len() > MAX_INTERVALS / 2);
    let arrivals: u64 = series.intervals().iter().map(|interval| interval.arrivals).sum();
    assert_eq!(arrivals, seconds);
    let first = &series.intervals()[0];
    assert_eq!((first.arrivals, first.in_flight), (8, Some(7)));
    assert_eq!(first.end_to_end.mean_s(), Some(0.5));
    assert_eq!(first.pools[0].at, Some(at_ms(8_000)), "the last gauge of the merged intervals");
    let p95 = first.end_to_end.p95_s().expect("has values");
    assert!((0.5..0.505).contains(&p95), "{p95}");
}

#[test]
fn the_end_of_time_fits_too() {
    let mut series = Series::new(Duration::from_nanos(1), 2);
    series.record(&completed(0, 200));
    series.in_flight(Timestamp::MAX, 1);
    assert!(series.intervals().len() <= MAX_INTERVALS);
}

#[test]
fn an_interval_of_no_length_reads_as_one_second() {
    assert_eq!(Series::new(Duration::ZERO, 1).length(), Duration::from_secs(1));
}
