//! What is shown of one run.

use connector::Timestamp;

use super::{
    BLACK, BLUE, Band, Curve, GREEN, GREY, Look, MOST_POINTS, ORANGE, PURPLE, Panel, Picture, SKY,
    Strip, VERMILION, YELLOW,
};
use crate::{
    series::{Interval, Passage, Series},
    timeline::Timeline,
};

/// Reasons for failures that are shown apart; the rest is one.
const MOST_REASONS: usize = 6;
const OF_REASONS: [plotters::style::RGBColor; MOST_REASONS + 1] =
    [VERMILION, ORANGE, PURPLE, SKY, GREEN, YELLOW, GREY];
/// Breakers that are shown.
const MOST_STRIPS: usize = 12;

/// The picture of a run.
pub(crate) fn of_timeline(timeline: &Timeline<'_>) -> Picture {
    let series = timeline.series.coarsened(MOST_POINTS);
    let end = series.length() * series.intervals().len() as u64;
    let view = View { timeline, length_s: series.length().as_secs_f64(), series: &series };
    let panels = [Some(view.requests()), view.failures(), view.at_once(), view.latencies()];
    Picture {
        mark: timeline.header.to_string(),
        title: timeline.header.scenario.clone(),
        subtitle: view.subtitle(),
        end_s: end.as_secs_f64(),
        bands: bands(timeline),
        panels: panels.into_iter().flatten().collect(),
        strips: view.breakers(),
    }
}

struct View<'a> {
    timeline: &'a Timeline<'a>,
    series: &'a Series,
    length_s: f64,
}

impl View<'_> {
    fn subtitle(&self) -> String {
        let header = self.timeline.header;
        let digest = header.digest.map_or_else(String::new, |digest| format!(", digest {digest}"));
        let partial = if header.partial { ", cut off before its end" } else { "" };
        let length = crate::humanise::seconds(self.length_s);
        let (version, seed) = (&header.version, header.seed);
        format!("harpoon {version}, seed {seed}{digest}{partial}; a point is {length}")
    }

    fn requests(&self) -> Panel {
        let sent = self.per_second("sent to pools", ORANGE, Look::Line(1), |it| it.strikes);
        let again = self.per_second("of these again", PURPLE, Look::Line(1), |it| it.retries);
        let mut curves =
            vec![self.per_second("answered in time", BLUE, Look::Area, |it| it.in_time)];
        curves.extend([sent, again].into_iter().filter(rises));
        curves.push(self.per_second("arrivals", BLACK, Look::Line(1), |it| it.arrivals));
        Panel { title: "Requests per second", logarithmic: false, curves }
    }

    /// Failures by kind, the most frequent at the bottom.
    fn failures(&self) -> Option<Panel> {
        let intervals = || self.series.intervals().iter();
        let total = |reason| intervals().filter_map(|it| it.failed_by.get(reason)).sum::<u64>();
        let mut reasons: Vec<_> =
            self.timeline.reasons().into_iter().map(|reason| (total(reason), reason)).collect();
        reasons.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
        let (shown, others) = reasons.split_at(reasons.len().min(MOST_REASONS));
        let mut groups: Vec<(String, Vec<&str>)> =
            shown.iter().map(|&(_, reason)| (reason.replace('_', " "), vec![reason])).collect();
        if !others.is_empty() {
            let all = others.iter().map(|&(_, reason)| reason).collect();
            groups.push((format!("{} other reasons", others.len()), all));
        }
        let mut below: Vec<u64> = vec![0; self.series.intervals().len()];
        let mut curves = Vec::new();
        for ((name, reasons), colour) in groups.into_iter().zip(OF_REASONS) {
            for (sum, interval) in below.iter_mut().zip(intervals()) {
                let of = |reason: &&str| interval.failed_by.get(reason).copied().unwrap_or(0);
                *sum += reasons.iter().map(of).sum::<u64>();
            }
            let points = self.points(|index, _| Some(below[index] as f64 / self.length_s));
            curves.push(Curve { name, colour, look: Look::Stacked, points });
        }
        // Each is drawn down to the one after it.
        curves.reverse();
        let title = "Not answered, per second";
        (!curves.is_empty()).then_some(Panel { title, logarithmic: false, curves })
    }

    fn at_once(&self) -> Option<Panel> {
        let waiting = |it: &Interval| {
            let seen = it.pools.iter().any(|pool| pool.at.is_some());
            seen.then(|| it.pools.iter().map(|pool| f64::from(pool.waiting)).sum())
        };
        let curves = vec![
            self.most("in flight", BLUE, |it| it.in_flight.map(|most| most as f64)),
            self.most("waiting in line", VERMILION, |it| it.queued.map(|most| most as f64)),
            self.most("waiting at pools", GREEN, waiting),
        ];
        let curves: Vec<_> = curves.into_iter().filter(rises).collect();
        let title = "Requests at once, at most";
        (!curves.is_empty()).then_some(Panel { title, logarithmic: false, curves })
    }

    fn latencies(&self) -> Option<Panel> {
        type Of = fn(&Interval) -> Option<f64>;
        let of: [(&str, _, u32, Of); 4] = [
            ("end to end, p95", VERMILION, 2, |it| it.end_to_end.p95_s()),
            ("end to end, median", VERMILION, 1, |it| it.end_to_end.p50_s()),
            ("first token, p95", BLUE, 2, |it| it.first_token.p95_s()),
            ("first token, median", BLUE, 1, |it| it.first_token.p50_s()),
        ];
        let curves = of.into_iter().map(|(name, colour, width, of)| {
            let points = self.points(|_, it| of(it).filter(|seconds| *seconds > 0.0));
            Curve { name: name.to_owned(), colour, look: Look::Line(width), points }
        });
        let curves: Vec<_> = curves.filter(rises).collect();
        let title = "Latency of answers, by when they were complete";
        (!curves.is_empty()).then_some(Panel { title, logarithmic: true, curves })
    }

    fn breakers(&self) -> Vec<Strip> {
        let strips = self.timeline.cables.iter().enumerate().map(|(cable, name)| {
            let mut states: Vec<(f64, f64, _)> = Vec::new();
            for (index, interval) in self.series.intervals().iter().enumerate() {
                let colour = match interval.passages.get(cable).copied().unwrap_or_default() {
                    Passage::Free => continue,
                    Passage::Probing => YELLOW,
                    Passage::Shut => VERMILION,
                };
                let from = index as f64 * self.length_s;
                let until = (index + 1) as f64 * self.length_s;
                match states.last_mut() {
                    Some(last) if last.2 == colour && last.1 >= from => last.1 = until,
                    _ => states.push((from, until, colour)),
                }
            }
            Strip { name: name.clone(), states }
        });
        strips.filter(|strip| !strip.states.is_empty()).take(MOST_STRIPS).collect()
    }

    fn per_second(
        &self,
        name: &str,
        colour: plotters::style::RGBColor,
        look: Look,
        count: impl Fn(&Interval) -> u64,
    ) -> Curve {
        let points = self.points(|_, interval| Some(count(interval) as f64 / self.length_s));
        Curve { name: name.to_owned(), colour, look, points }
    }

    fn most(
        &self,
        name: &str,
        colour: plotters::style::RGBColor,
        most: impl Fn(&Interval) -> Option<f64>,
    ) -> Curve {
        let points = self.points(|_, interval| most(interval));
        Curve { name: name.to_owned(), colour, look: Look::Line(1), points }
    }

    /// A point in the middle of each interval.
    fn points(&self, of: impl Fn(usize, &Interval) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
        let intervals = self.series.intervals().iter().enumerate();
        let at = |index: usize| (index as f64 + 0.5) * self.length_s;
        intervals.map(|(index, interval)| (at(index), of(index, interval))).collect()
    }
}

/// Whether it is ever above zero.
fn rises(curve: &Curve) -> bool {
    curve.points.iter().any(|point| point.1 > Some(0.0))
}

fn bands(timeline: &Timeline<'_>) -> Vec<Band> {
    let seconds = |at: Timestamp| at.as_secs_f64();
    let warm_up = (!timeline.warm_up.is_zero()).then(|| Band {
        name: "warm-up".to_owned(),
        from_s: 0.0,
        until_s: timeline.warm_up.as_secs_f64(),
        colour: GREY,
    });
    let faults = timeline.faults.iter().map(|fault| Band {
        name: fault.name.clone(),
        from_s: seconds(fault.from),
        until_s: seconds(fault.until),
        colour: VERMILION,
    });
    warm_up.into_iter().chain(faults).collect()
}
