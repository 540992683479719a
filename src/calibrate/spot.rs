//! What a trace of spot capacity says of a process that behaves as it does, and how nearly it does.
//!
//! The process is simulated by the product's own pool, for twenty times as long as the trace and
//! looked at as often. What is compared is what was not fitted: how much is there, how often it falls,
//! and how long the spells with and without any capacity are (by the Kolmogorov-Smirnov distance: the
//! largest difference of the two distributions).

use std::{fmt, path::Path};

use connector::{Connector, Duration, Timestamp};
use scenarios::{
    spot::{SpotFit, SpotSummary, SpotTrace},
    trace::TraceError,
};
use sim::Simulator;

/// How much longer than the trace the process is watched.
const TIMES: u64 = 20;
/// Looks at the process, where the trace does not say how often.
const USUAL_GAP: Duration = Duration::from_secs(60);

/// See the module text.
#[derive(Clone, Debug)]
pub struct SpotFitting {
    trace: SpotTrace,
    /// `None`: the trace does not fall and rise.
    fitted: Option<Fitted>,
}

#[derive(Clone, Debug)]
struct Fitted {
    fit: SpotFit,
    /// `None`: there are more instances than a pool may have cards.
    simulated: Option<SpotTrace>,
}

/// The largest difference of two distributions, and how many values there are of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// From 0 to 1.
    pub distance: f64,
    /// Values of each.
    pub values: (usize, usize),
}

impl SpotFitting {
    /// Fits a trace; `None` if the file is none of spot capacity.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid.
    pub fn of(path: &Path) -> Result<Option<Self>, TraceError> {
        let Some(trace) = SpotTrace::read_if_known(path)? else { return Ok(None) };
        let fitted = trace.fit().map(|fit| Fitted { simulated: simulate(&fit, &trace), fit });
        Ok(Some(Self { trace, fitted }))
    }

    /// The summaries of the trace and of the process fitted to it.
    pub fn summaries(&self) -> Option<[SpotSummary; 2]> {
        let simulated = self.fitted.as_ref()?.simulated.as_ref()?;
        Some([self.trace.summary(), simulated.summary()])
    }

    /// How far apart the spells with any capacity are, or those with none.
    pub fn distance(&self, any: bool) -> Option<Distance> {
        let simulated = self.fitted.as_ref()?.simulated.as_ref()?;
        let lengths = |trace: &SpotTrace| -> Vec<Duration> {
            let spells = trace.spells().into_iter().filter(|spell| spell.any == any);
            spells.map(|spell| spell.lasts).collect()
        };
        distance(lengths(&self.trace), lengths(simulated))
    }
}

/// What a scenario's pool can be given. Times are whole seconds, at least one.
fn process(fit: &SpotFit) -> String {
    let seconds = |time: Duration| time.as_secs_f64().max(1.0);
    let shortage = fit.shortage.map_or_else(String::new, |(up, down)| {
        let (up, down) = (seconds(up), seconds(down));
        format!(", shortage: {{ up: {up:.0}s, down: {down:.0}s }}")
    });
    let (up, down) = (seconds(fit.up), seconds(fit.down));
    format!("process: {{ up: {up:.0}s, down: {down:.0}s, together: {}{shortage} }}", fit.together)
}

/// The process in a pool with as many cards as the trace has instances, looked at as often as the
/// trace does.
fn simulate(fit: &SpotFit, trace: &SpotTrace) -> Option<SpotTrace> {
    let scenario = format!(
        "name: fitted\nduration: 1s\nmodels: [gemma-270m]\nprovider:\n  pools:\n    - name: spot\n      gpu: L4\n      \
         count: {}\n      spot: {{ grace: 0s, {} }}\ntraffic:\n  - {{ name: none, arrivals: {{ poisson: {{ rate: 1/h }} }}, \
         prompt_tokens: 1, output_tokens: 1 }}\n",
        trace.most(),
        process(fit)
    );
    let scenario = scenarios::parse("fitted", &scenario, Path::new("."), &[]).ok()?;
    let mut simulator = Simulator::new(scenario.provider, scenario.seed).ok()?;
    let gap = trace.gap.unwrap_or(USUAL_GAP);
    let looks = trace.length().as_nanos().saturating_mul(TIMES) / gap.as_nanos();
    let look = |index: u64| {
        let mut there = 0;
        simulator.gauges(Timestamp::ZERO + gap * index, &mut |gauge| there = gauge.cards);
        there
    };
    let counts: Vec<u32> = (0..looks).map(look).collect();
    SpotTrace::of_looks(gap, &counts)
}

/// `None` without values of both.
fn distance(mut these: Vec<Duration>, mut those: Vec<Duration>) -> Option<Distance> {
    these.sort_unstable();
    those.sort_unstable();
    if these.is_empty() || those.is_empty() {
        return None;
    }
    let share = |sorted: &[Duration], of: Duration| {
        sorted.partition_point(|&value| value <= of) as f64 / sorted.len() as f64
    };
    let all = these.iter().chain(&those);
    let apart = all.map(|&value| (share(&these, value) - share(&those, value)).abs());
    Some(Distance { distance: apart.fold(0.0, f64::max), values: (these.len(), those.len()) })
}

impl fmt::Display for SpotFitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fitted) = &self.fitted else {
            return writeln!(f, "the number of instances does not fall and rise: nothing to fit");
        };
        writeln!(f, "{} instances at most, {}:\n", self.trace.most(), self.trace.format)?;
        writeln!(f, "spot:\n  {}\n", process(&fitted.fit))?;
        let Some(both) = self.summaries() else {
            return writeln!(
                f,
                "not compared: there are more instances than a pool may have cards"
            );
        };
        compare(f, &both)?;
        for (name, any) in [("spells with any", true), ("spells with none", false)] {
            if let Some(Distance { distance, values: (few, many) }) = self.distance(any) {
                let name = format!("{name}, distance");
                writeln!(f, "{name:<30}{distance:>10.2}  (of {few} and {many})")?;
            }
        }
        Ok(())
    }
}

type Figure = fn(&SpotSummary) -> f64;

/// What a summary says, by name.
const COMPARED: [(&str, Figure); 5] = [
    ("instances, mean", |of| of.mean),
    ("any there, share of time", |of| of.any),
    ("spell with any, mean hours", |of| of.mean_spell.as_secs_f64() / 3_600.0),
    ("falls per day", |of| of.falls as f64 / of.length.as_secs_f64() * 86_400.0),
    ("instances per fall", |of| of.went as f64 / of.falls.max(1) as f64),
];

fn compare(f: &mut fmt::Formatter<'_>, [trace, process]: &[SpotSummary; 2]) -> fmt::Result {
    writeln!(f, "{:<30}{:>10}{:>10}", "", "trace", "process")?;
    for (name, value) in COMPARED {
        writeln!(f, "{name:<30}{:>10.2}{:>10.2}", value(trace), value(process))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_largest_difference_of_the_distributions() {
        let times = |seconds: &[u64]| -> Vec<Duration> {
            seconds.iter().map(|&s| Duration::from_secs(s)).collect()
        };
        let apart = |these: &[u64], those: &[u64]| {
            distance(times(these), times(those)).map(|found| found.distance)
        };
        assert_eq!(apart(&[1, 2, 3], &[3, 1, 2]), Some(0.0));
        assert_eq!(apart(&[1, 2], &[3, 4]), Some(1.0));
        assert_eq!(apart(&[1, 2, 3, 4], &[3]), Some(0.5));
        assert_eq!(apart(&[], &[3]), None);
    }
}
