//! Traces of spot capacity: read as published, and refused with line and reason.

use connector::{BasisPoints, Duration};
use scenarios::spot::{SpotSummary, SpotTrace};

use crate::world::{file, gzip, shared_trace};

/// The table of the traces' README: file, points, gap in seconds, days, most at once, share of time
/// any is there in percent, mean, falls, rises, mean length of a spell in hours.
type Published = (&'static str, u64, u64, f64, u32, f64, f64, u64, u64, f64);

#[rustfmt::skip]
const SKYPILOT: [Published; 11] = [
    ("preemption__4-node__aws-08-03-2023__us-east-1f_v100_1", 3_664, 300, 12.7, 4, 38.0, 1.38, 136, 127, 2.7),
    ("preemption__4-node__aws-08-03-2023__us-east-2a_v100_1", 5_131, 300, 17.8, 4, 75.0, 2.92, 60, 64, 21.4),
    ("preemption__4-node__aws-08-03-2023__us-west-2c_v100_1", 5_131, 300, 17.8, 4, 84.0, 3.26, 181, 176, 4.6),
    ("availability__1-node__aws-10-26-2022__us-west-2a_k80_1", 3_895, 600, 27.0, 1, 89.0, 0.89, 132, 132, 4.4),
    ("availability__1-node__aws-10-26-2022__us-west-2a_k80_8", 3_895, 600, 27.0, 1, 33.0, 0.33, 135, 135, 1.6),
    ("availability__1-node__aws-10-26-2022__us-west-2a_v100_1", 3_895, 600, 27.0, 1, 79.0, 0.79, 126, 126, 4.1),
    ("availability__1-node__aws-10-26-2022__us-west-2a_v100_8", 3_895, 600, 27.0, 1, 48.0, 0.48, 269, 269, 1.2),
    ("availability__1-node__aws-10-26-2022__us-west-2b_k80_1", 3_895, 600, 27.0, 1, 12.0, 0.12, 47, 46, 1.6),
    ("availability__1-node__aws-10-26-2022__us-west-2b_k80_8", 3_895, 600, 27.0, 1, 41.0, 0.41, 246, 245, 1.1),
    ("availability__1-node__aws-10-26-2022__us-west-2b_v100_1", 3_895, 600, 27.0, 1, 72.0, 0.72, 171, 172, 2.7),
    ("availability__1-node__aws-10-26-2022__us-west-2b_v100_8", 3_895, 600, 27.0, 1, 47.0, 0.47, 399, 400, 0.8),
];

#[test]
fn skypilots_traces_hold_what_was_published_of_them() {
    for (name, points, gap, days, most, any, mean, falls, rises, spell) in SKYPILOT {
        let Some(found) = summary(&format!("skypilot/{name}.json")) else { return };
        let rounded = |value: f64, unit: f64| (value / unit).round() * unit;
        let same = |found: f64, published: f64, unit: f64| {
            assert!((rounded(found, unit) - published).abs() < unit / 10.0, "{name}: {found}");
        };
        assert_eq!((found.points, found.gap), (points, Some(Duration::from_secs(gap))), "{name}");
        assert_eq!((found.most, found.falls, found.rises), (most, falls, rises), "{name}");
        same(found.length.as_secs_f64() / 86_400.0, days, 0.1);
        same(found.any * 100.0, any, 1.0);
        same(found.mean, mean, 0.01);
        same(found.mean_of_points, mean, 0.01);
        same(found.mean_spell.as_secs_f64() / 3_600.0, spell, 0.1);
    }
}

#[test]
fn bamboos_traces_hold_what_was_published_of_them() {
    let Some(events) = summary("bamboo/g4dn-trace.csv") else { return };
    assert_eq!((events.points, events.came, events.went, events.most), (153, 79, 74, 24));
    assert_eq!(events.length, Duration::from_secs(38_760), "10.8 h");
    let Some(counts) = summary("bamboo/v100x1-east1c.txt") else { return };
    assert_eq!((counts.points, counts.most, counts.fewest), (1_477, 80, 30));
    // From 2021-12-10 13:07:45 to 2021-12-11 13:17:58.
    assert_eq!(counts.length, Duration::from_secs(86_400 + 613));
    assert!((counts.mean_of_points - 77.4).abs() < 0.05, "{}", counts.mean_of_points);
}

#[test]
fn a_series_is_read_whole() {
    let text = "{\n \"metadata\": {\"gap_seconds\": 300, \"zone\": \"a\"},\n\n \"data\": [0, 4, 4, 1, 4.0, 0]}\n";
    for trace in [read(text.as_bytes()), read(&gzip(text.as_bytes()))] {
        let summary = trace.summary();
        assert_eq!((summary.points, summary.most, summary.fewest), (6, 4, 0));
        assert_eq!((summary.falls, summary.rises, summary.went, summary.came), (2, 2, 7, 7));
        assert_eq!((summary.spells, summary.mean_spell), (1, Duration::from_secs(1_200)));
        assert_eq!(trace.length(), Duration::from_secs(1_800));
    }
}

#[test]
fn a_count_that_goes_back_in_time_overtakes_the_later_ones() {
    let trace = read(
        b"2021-12-10, 13:00:00, 80\n2021-12-10, 13:01:00, 80\n2021-12-10, 13:02:00, 80\n\
          2021-12-10, 13:01:00, 70\n2021-12-10, 13:03:00, 60\n",
    );
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let levels = trace.levels(80, false);
    assert_eq!(*levels.steps, [(minutes(0), 80), (minutes(1), 70), (minutes(3), 60)]);
    assert_eq!(levels.length, minutes(3));
}

#[test]
fn a_trace_is_scaled_to_a_pool_or_taken_as_it_is() {
    let trace = read(b"{\"metadata\": {\"gap_seconds\": 1}, \"data\": [4, 3, 1, 0]}");
    let cards = |cards, in_proportion| -> Vec<u32> {
        trace.levels(cards, in_proportion).steps.iter().map(|&(_, count)| count).collect()
    };
    assert_eq!(cards(40, true), [40, 30, 10, 0]);
    assert_eq!(cards(10, true), [10, 8, 3, 0], "to the nearest, halves up");
    assert_eq!(cards(3, false), [3, 3, 1, 0]);
}

/// Two instances: 10 s both, 5 s one, 5 s none, 20 s both. There for 65 s and away for 15 s; two
/// falls, of which none took the other along; two came back.
#[test]
fn a_process_is_fitted_to_totals() {
    let trace = read(b"0,add,a\n0,add,b\n10000,remove,a\n15000,remove,b\n20000,add,c\n20000,add,d\n40000,remove,d\n");
    let fit = trace.fit().expect("it falls and rises");
    assert_eq!(
        (fit.up, fit.down),
        (Duration::from_secs_f64(65.0 / 3.0), Duration::from_secs_f64(7.5))
    );
    assert_eq!(fit.together, BasisPoints::ZERO);
    let trace = read(b"{\"metadata\": {\"gap_seconds\": 1}, \"data\": [4, 1, 4, 3, 4]}");
    let fit = trace.fit().expect("it falls and rises");
    // Two of the three others of the first fall went along, none of the three of the second.
    assert_eq!(fit.together, BasisPoints::new(3_333));
    assert_eq!(read(b"{\"metadata\": {\"gap_seconds\": 1}, \"data\": [4, 4]}").fit(), None);
}

/// Two instances: with any for 6 s, until there is none once; none for 2 s, once. In between, there
/// for 10 s and away for 2 s; two falls by themselves, of which one came back before it was over.
#[test]
fn times_with_nothing_at_all_are_fitted_as_shortages() {
    let trace = read(b"{\"metadata\": {\"gap_seconds\": 1}, \"data\": [2, 2, 1, 2, 0, 0, 2, 1]}");
    let fit = trace.fit().expect("it falls and rises");
    let secs = Duration::from_secs;
    assert_eq!(fit.shortage, Some((secs(6), secs(2))));
    assert_eq!((fit.up, fit.down, fit.together), (secs(5), secs(2), BasisPoints::ZERO));
}

#[test]
fn every_bad_trace_is_refused_with_its_line() {
    for (content, told) in [
        ("", ": holds no point of time"),
        ("{\"metadata\": {\"gap_seconds\": 1}, \"data\": []}", ": holds no point of time"),
        (
            "a,b\n",
            ": is no trace of spot capacity: that is JSON with `metadata.gap_seconds` and `data`, or lines \
             of `milliseconds,add|remove,node`, or of `date, time, count`",
        ),
        (
            "{\"timestamp\": 0, \"input_length\": 5}",
            ": is no trace of spot capacity: that is JSON with `metadata.gap_seconds` and `data`, or lines \
             of `milliseconds,add|remove,node`, or of `date, time, count`",
        ),
        (
            "\n{\n\"metadata\": {\"gap_seconds\": 1}}",
            ":3: not a series of numbers with its `metadata.gap_seconds`: missing field `data` at line 3 column 31",
        ),
        (
            "{\"metadata\": {\"gap_seconds\": 0}, \"data\": [1]}",
            ":1: gap_seconds: `0` must be a time above zero",
        ),
        (
            "{\"metadata\": {\"gap_seconds\": -1}, \"data\": [1]}",
            ":1: gap_seconds: `-1` is out of range: it must be between 0 and 10^10 s",
        ),
        (
            "{\"metadata\": {\"gap_seconds\": 1}, \"data\": [1, -1]}",
            ":1: data: `-1` is out of range: it must be between 0 and 1000000",
        ),
        (
            "{\"metadata\": {\"gap_seconds\": 1}, \"data\": [1, 0.5]}",
            ":1: data: `0.5` is not a whole number of instances",
        ),
        ("0,add,a\n5,remove\n", ":2: 2 columns where 3 are expected"),
        ("0,add,a\n5,add,a\n", ":2: node `a` is added, but it is there"),
        ("0,add,a\n5,remove,b\n", ":2: node `b` is removed, but it is not there"),
        ("0,add,a\n5,move,b\n", ":2: event: `move` must be `add` or `remove`"),
        (
            "5,add,a\n4,remove,a\n",
            ":2: the row goes back in time by 1ms, but at most 0s is allowed",
        ),
        ("x,add,a\n", ":1: milliseconds: `x` is not a finite number"),
        (
            "2021-12-10, 13:07:45, many\n",
            ":1: instances: `many` is not a whole number of instances",
        ),
        (
            "2021-12-10, 13:07:45, 1\n2021-12-10, noon, 1\n",
            ":2: date and time: `2021-12-10 noon` is not a date and time after 1970, such as \
             2023-11-16 18:15:46.6805900",
        ),
        (
            "2021-12-10, 13:07:45, 1\n2021-12-10, 13:07:44, 1\n",
            ":2: the row goes back in time by 1s, but at most 0s is allowed",
        ),
    ] {
        let (_directory, path) = file("spot", content.as_bytes());
        let error = SpotTrace::read(&path).expect_err(content).to_string();
        let message = error.strip_prefix(&*path.display().to_string()).expect("the path");
        assert_eq!(message, told, "{content}");
    }
}

fn summary(name: &str) -> Option<SpotSummary> {
    let path = shared_trace(&format!("spot/{name}"))?;
    Some(SpotTrace::read(&path).unwrap_or_else(|error| panic!("{error}")).summary())
}

fn read(content: &[u8]) -> SpotTrace {
    let (_directory, path) = file("spot", content);
    SpotTrace::read(&path).unwrap_or_else(|error| panic!("{error}"))
}
