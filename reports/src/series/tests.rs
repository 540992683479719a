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
fn coarser_intervals_are_the_sums_of_finer_ones() {
    let mut series = by_second();
    for second in 0..10 {
        series.record(&completed(second * 1_000, 500));
        series.record(&failed(second * 1_000, Outcome::Failed(ErrorKind::Timeout)));
        series.in_flight(at_ms(second * 1_000), second);
    }
    let coarse = series.coarsened(4);
    assert_eq!(coarse.length(), Duration::from_secs(3));
    let of = |pick: fn(&Interval) -> u64| coarse.intervals().iter().map(pick).collect::<Vec<_>>();
    assert_eq!(of(|interval| interval.arrivals), [6, 6, 6, 2]);
    assert_eq!(of(|interval| interval.in_time), [3, 3, 3, 1]);
    // A failure takes a second, so the last one is in the interval after.
    assert_eq!(of(|interval| interval.failed_by["timeout"]), [2, 3, 3, 2]);
    assert_eq!(of(|interval| interval.in_flight.unwrap_or(99)), [2, 5, 8, 9]);
    assert_eq!(coarse.intervals()[0].end_to_end.p50_s(), Some(0.5));
    assert_eq!(series.coarsened(100).intervals().len(), 11);
}

#[test]
fn what_cables_did_counts_between_looks_and_the_worst_of_a_breaker_shows() {
    let status = |strikes, retries, openings, breaker, queued| CableStatus {
        breaker,
        rates: platform::breaker::Rates::default(),
        limit: None,
        in_flight: 0,
        queued,
        statistics: platform::CableStatistics {
            strikes,
            retries,
            openings,
            ..platform::CableStatistics::default()
        },
    };
    let (closed, probing, open) =
        (BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open);
    let mut series = by_second();
    let looks = [
        [status(5, 1, 0, closed, 3), status(1, 0, 0, closed, 4)],
        [status(9, 2, 1, open, 0), status(1, 0, 0, closed, 0)],
        [status(9, 2, 1, probing, 9), status(2, 1, 1, closed, 0)],
        [status(9, 2, 1, closed, 0), status(2, 1, 1, closed, 0)],
    ];
    for (second, look) in (1..).zip(looks) {
        series.look(at_ms(second * 1_000), look.into_iter());
    }
    let of = |pick: fn(&Interval) -> u64| series.intervals().iter().map(pick).collect::<Vec<_>>();
    assert_eq!(of(|interval| interval.strikes), [6, 4, 1, 0]);
    assert_eq!(of(|interval| interval.retries), [1, 1, 1, 0]);
    assert_eq!(of(|interval| interval.queued.unwrap_or(99)), [7, 0, 9, 0]);
    let passages: Vec<_> =
        series.intervals().iter().map(|interval| interval.passages.clone()).collect();
    let (free, shut) = (Passage::Free, Passage::Shut);
    // The second one opened and closed again between two looks.
    let expected = [[free, free], [shut, free], [Passage::Probing, shut], [free, free]];
    assert_eq!(passages, expected);
    assert_eq!(series.coarsened(2).intervals()[1].passages, [Passage::Probing, shut]);
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
