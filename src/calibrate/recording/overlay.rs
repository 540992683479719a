//! A calibration as an overlay of a scenario, with what can be said of it in comments.

use std::fmt::{self, Display, Formatter};

use connector::Duration;
use sim::config::Latency;

use super::{Calibration, Operation, Quality, Rates, Region, Served, rates::Rate};

/// The region of scenarios that state none.
const IMPLIED: &str = "default";

impl Display for Calibration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let header = &self.header;
        let end = if self.is_complete { "complete" } else { "breaks off before its end" };
        // By these words it is known as ours, so that a later one may take its place.
        writeln!(
            f,
            "# harpoon {}: fitted to {} on {}",
            env!("CARGO_PKG_VERSION"),
            header.scenario,
            if header.live { "a real endpoint" } else { "a simulator" }
        )?;
        writeln!(
            f,
            "# recorded by harpoon {}, hash {:016x}, seed {}; {end}",
            header.version, header.scenario_hash, header.seed
        )?;
        if self.lost > 0 {
            writeln!(
                f,
                "# {} entries are missing: they came faster than they could be written",
                self.lost
            )?;
        }
        writeln!(f, "# fitted to four fifths; errors are those of the fifth that was held back")?;
        for reason in &self.too_few {
            writeln!(f, "# not fitted: {reason}")?;
        }
        let implied = self.regions.iter().all(|region| region.name == IMPLIED);
        for region in &self.regions {
            region.write(f, implied)?;
        }
        self.models.iter().try_for_each(|model| model.write(f))
    }
}

impl Region {
    /// Scenarios that state no region get one; otherwise each value replaces one.
    fn write(&self, f: &mut Formatter<'_>, implied: bool) -> fmt::Result {
        let values: Vec<_> = self.values().collect();
        if values.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        let indent = if implied {
            writeln!(f, "provider.regions:\n  - name: {IMPLIED}\n    control_plane:")?;
            "      "
        } else {
            ""
        };
        for (comments, key, value) in values {
            for comment in comments {
                writeln!(f, "{indent}# {comment}")?;
            }
            if implied {
                writeln!(f, "{indent}{key}: {value}")?;
            } else {
                let path = format!("provider.regions[{}].control_plane.{key}", self.name);
                writeln!(f, "{}: {value}", quoted(&path))?;
            }
        }
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = (Vec<String>, &'static str, String)> {
        let latencies = self.latencies.iter().map(|operation| {
            let Operation { kind, law, quality, by_pool } = operation;
            let mut comments = vec![format!("{kind}: {}", words(quality))];
            if by_pool.len() > 1 {
                comments
                    .extend(by_pool.iter().map(|(name, of)| format!("  {name}: {}", words(of))));
            }
            (comments, kind.name(), written(law))
        });
        latencies.chain(of_rates(&self.rates))
    }
}

fn of_rates(rates: &Rates) -> Vec<(Vec<String>, &'static str, String)> {
    let kinds = [
        ("timed_out", &rates.timed_out),
        ("rate_limited", &rates.rate_limited),
        ("unavailable", &rates.unavailable),
    ];
    let failing = kinds.into_iter().filter(|(_, rates)| !rates.is_empty());
    let mut comments = Vec::new();
    let mut all = Vec::new();
    for (name, rates) in failing {
        let shares = rates.iter().map(|rate| format!("{}: {}", rate.kind, percent(rate)));
        all.push(format!("{name}: {{ {} }}", shares.collect::<Vec<_>>().join(", ")));
        comments.extend(rates.iter().map(|rate| {
            let (calls, failed) = rate.calls;
            let give = rate.uncertainty() * 100.0;
            format!("{} {name}: {failed} of {calls}, give or take {give:.2} points", rate.kind)
        }));
    }
    let timeout = rates
        .timeout
        .map(|timeout| (Vec::new(), "timeout", format!("{}ms", timeout.as_nanos() / 1_000_000)));
    let failures =
        (!all.is_empty()).then(|| (comments, "failures", format!("{{ {} }}", all.join(", "))));
    failures.into_iter().chain(timeout).collect()
}

impl Served {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [first, token] = self.errors;
        writeln!(f, "\n# {}: {} inferences in one pool", self.name, self.inferences)?;
        for (name, errors) in [("time to first token", first), ("time per token", token)] {
            let (median, p90) = (errors.median * 100.0, errors.p90 * 100.0);
            writeln!(f, "# {name}, absolute error: median {median:.1} %, p90 {p90:.1} %")?;
        }
        let path = format!("models[{}].timing", self.name);
        let time = |ns: f64| exact(Duration::from_nanos(ns.round() as u64));
        let (base, sequence, prompt) = (self.base, self.per_sequence, self.per_prompt_token);
        writeln!(
            f,
            "{}: {{ linear: {{ base: {}, per_sequence: {}, per_prompt_token: {} }} }}",
            quoted(&path),
            time(base),
            time(sequence),
            time(prompt)
        )
    }
}

fn words(quality: &Quality) -> String {
    let Quality { values, ks, quantiles, mean_error } = quality;
    let [p50, p95, p99] = quantiles.map(|off| off * 100.0);
    let mean = mean_error / 1e6;
    format!(
        "{values} values: distance {ks:.3}, p50 {p50:+.1} %, p95 {p95:+.1} %, p99 {p99:+.1} %, mean error {mean:.3} ms"
    )
}

fn percent(rate: &Rate) -> String {
    format!("{}.{:02}%", rate.share.get() / 100, rate.share.get() % 100)
}

/// A law as scenarios have it.
fn written(law: &Latency) -> String {
    match law {
        Latency::Fixed(time) => exact(*time),
        Latency::Uniform { min, max } => {
            format!("{{ uniform: {{ min: {}, max: {} }} }}", exact(*min), exact(*max))
        }
        Latency::Exponential { mean } => format!("{{ exponential: {{ mean: {} }} }}", exact(*mean)),
        Latency::LogNormal { p50, p95 } => {
            format!("{{ lognormal: {{ p50: {}, p95: {} }} }}", exact(*p50), exact(*p95))
        }
        Latency::Pareto { least, alpha } => {
            format!("{{ pareto: {{ least: {}, alpha: {alpha} }} }}", exact(*least))
        }
    }
}

fn exact(time: Duration) -> String {
    let ns = time.as_nanos();
    if ns.is_multiple_of(1_000) { format!("{}us", ns / 1_000) } else { format!("{ns}ns") }
}

/// A key that YAML takes for text, whatever is in it.
fn quoted(key: &str) -> String {
    format!("'{}'", key.replace('\'', "''"))
}
