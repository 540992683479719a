use connector::{Duration, ErrorKind, Outcome, Rejection, RequestRecord};

use super::*;
use crate::{
    Fault, RunDigest,
    sample::{at_ms, completed, failed, gauge, header},
    series::Series,
    timeline::Timeline,
};

#[test]
fn a_picture_shows_what_happened_and_says_whose_it_is() {
    let svg = draw(&series(60), &faults());
    assert!(svg.starts_with(PICTURE_MARK), "{svg}");
    let first = svg.lines().next().unwrap_or_default();
    assert!(first.contains("scenario=sample") && first.ends_with("-->"), "{first}");
    for text in [
        "sample",
        "Requests per second",
        "answered in time",
        "arrivals",
        "Not answered, per second",
        "timeout",
        "line full",
        "Requests at once, at most",
        "waiting at pools",
        "end to end, p95",
        "first token, median",
        "warm-up",
        "outage, east",
        "&lt;b&gt; &amp; more",
        "60 s",
    ] {
        assert!(svg.contains(&format!("\n{text}\n")), "no `{text}` in {svg}");
    }
}

#[test]
fn what_did_not_happen_is_not_shown() {
    let mut quiet = Series::new(Duration::from_secs(1), 2);
    quiet.record(&completed(0, 500));
    let svg = draw(&quiet, &[]);
    for text in ["Not answered", "Breakers", "waiting at pools", "sent to pools", "again"] {
        assert!(!svg.contains(text), "`{text}` in {svg}");
    }
}

#[test]
fn a_run_without_anything_is_a_picture_too() {
    let svg = draw(&Series::new(Duration::from_secs(1), 2), &faults());
    assert!(svg.ends_with("</svg>\n"), "{svg}");
}

#[test]
fn the_same_run_makes_the_same_bytes() {
    assert_eq!(draw(&series(60), &faults()), draw(&series(60), &faults()));
}

#[test]
fn a_run_of_any_length_is_drawn_in_bounded_size_and_counts_everything() {
    let long = series(2_000);
    let picture = of_timeline(&Timeline { series: &long, ..timeline(&header(), &long, &[]) });
    for curve in picture.panels.iter().flat_map(|panel| &panel.curves) {
        assert!(curve.points.len() <= MOST_POINTS, "{}", curve.name);
    }
    let length = picture.end_s / picture.panels[0].curves[0].points.len() as f64;
    let of = |name: &str| {
        let curve = picture.panels[0].curves.iter().find(|curve| curve.name == name);
        let points = &curve.expect("it is shown").points;
        points.iter().filter_map(|point| point.1).sum::<f64>() * length
    };
    assert!((of("arrivals") - 6_000.0).abs() < 1e-6, "{}", of("arrivals"));
    assert!((of("answered in time") - 2_000.0).abs() < 1e-6);
    assert!(picture.to_svg().len() < 200_000);
}

#[test]
fn reasons_beyond_those_that_colours_tell_apart_are_one() {
    let mut series = Series::new(Duration::from_secs(1), 2);
    for (count, rejection) in Rejection::ALL.into_iter().enumerate() {
        (0..=count).for_each(|_| series.record(&rejected(0, rejection)));
    }
    let picture = of_timeline(&timeline(&header(), &series, &[]));
    let panel = picture.panels.iter().find(|panel| panel.title.starts_with("Not")).unwrap();
    let names: Vec<_> = panel.curves.iter().map(|curve| curve.name.clone()).collect();
    let (others, shown) = Rejection::ALL.split_at(Rejection::ALL.len() - 6);
    let shown = shown.iter().map(|reason| reason.name().replace('_', " "));
    let expected: Vec<_> =
        std::iter::once(format!("{} other reasons", others.len())).chain(shown).collect();
    assert_eq!(names, expected, "the most frequent are at the bottom");
    let all = (1..=Rejection::ALL.len()).sum::<usize>() as f64;
    assert_eq!(panel.curves[0].points[0].1, Some(0.0), "nothing was over by then");
    assert_eq!(panel.curves[0].points[1].1, Some(all), "the uppermost edge is all of them");
}

#[test]
fn a_name_cannot_end_the_comment() {
    let mut header = header();
    header.scenario = "a-->b".to_owned();
    let series = Series::new(Duration::from_secs(1), 2);
    let svg = of_timeline(&timeline(&header, &series, &[])).to_svg();
    assert_eq!(svg.lines().next().map(|line| line.matches("-->").count()), Some(1));
    assert!(svg.contains("\na--&gt;b\n"), "{svg}");
}

#[test]
fn a_run_that_has_not_ended_has_a_picture_that_says_so() {
    let svg = unfinished(&header());
    assert!(svg.starts_with(PICTURE_MARK) && svg.contains("digest=unfinished"), "{svg}");
}

/// Each second one request is answered, one fails and one is rejected.
fn series(seconds: u64) -> Series {
    let mut series = Series::new(Duration::from_secs(1), 2);
    for second in 0..seconds {
        let ms = second * 1_000;
        series.record(&completed(ms, 500));
        series.record(&failed(ms, Outcome::Failed(ErrorKind::Timeout)));
        series.record(&rejected(ms, Rejection::LineFull));
        series.in_flight(at_ms(ms), second % 7);
        series.gauge(at_ms(ms + 1_000), &gauge(at_ms(ms + 1_000), ms));
    }
    series
}

fn rejected(ms: u64, rejection: Rejection) -> RequestRecord {
    RequestRecord { rejection: Some(rejection), ..failed(ms, Outcome::Rejected) }
}

fn faults() -> [Fault; 2] {
    let fault = |name: &str, from, until| Fault {
        name: name.to_owned(),
        from: at_ms(from),
        until: at_ms(until),
    };
    [fault("outage, east", 20_000, 30_000), fault("<b> & more", 22_000, 25_000)]
}

fn draw(series: &Series, faults: &[Fault]) -> String {
    let mut header = header();
    header.digest = Some(RunDigest(7));
    of_timeline(&timeline(&header, series, faults)).to_svg()
}

fn timeline<'a>(header: &'a Header, series: &'a Series, faults: &'a [Fault]) -> Timeline<'a> {
    Timeline { header, series, pools: &[], cables: &[], faults, warm_up: Duration::from_secs(5) }
}
