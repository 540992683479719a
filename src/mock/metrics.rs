//! What the mock counts, as Prometheus reads it.
//!
//! By hand: the figures live behind the lock that every question takes anyway, so a registry of atomics
//! beside them would be a second book, and the text format (version 0.0.4) is a few lines.
//!
//! Names beginning with `vllm:` are those of a served engine, for dashboards made for one; names
//! beginning with `harpoon_mock_` are our own. Times are the caller's: simulated ones over the speed.
//! They are the model's own times, without what network and scheduling add.

use std::{collections::BTreeMap, fmt::Write};

use connector::{Duration, OperationKind, Usage};

/// Bounds in seconds, as vLLM has them.
const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
const END_TO_END: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];

/// All that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    /// By kind of operation.
    asked: [u64; OperationKind::ALL.len()],
    failed: BTreeMap<(OperationKind, &'static str), u64>,
    models: Vec<OfModel>,
}

#[derive(Debug)]
struct OfModel {
    running: u64,
    waiting: u64,
    succeeded: u64,
    prompt_tokens: u64,
    generated_tokens: u64,
    first_token: Histogram,
    end_to_end: Histogram,
}

/// Where an inference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its first token is not out yet.
    Waiting,
    /// It is.
    Running,
}

impl Metrics {
    pub(super) fn new(models: usize) -> Self {
        let of_model = || OfModel {
            running: 0,
            waiting: 0,
            succeeded: 0,
            prompt_tokens: 0,
            generated_tokens: 0,
            first_token: Histogram::new(FIRST_TOKEN),
            end_to_end: Histogram::new(END_TO_END),
        };
        let models = (0..models).map(|_| of_model()).collect();
        Self { asked: [0; OperationKind::ALL.len()], failed: BTreeMap::new(), models }
    }

    pub(super) fn asked(&mut self, kind: OperationKind) {
        self.asked[kind as usize] += 1;
    }

    pub(super) fn failed(&mut self, kind: OperationKind, why: &'static str) {
        *self.failed.entry((kind, why)).or_default() += 1;
    }

    /// An inference waits for its first token.
    pub(super) fn begins(&mut self, model: usize) {
        if let Some(of) = self.models.get_mut(model) {
            of.waiting += 1;
        }
    }

    /// Its first token is out, after so long.
    pub(super) fn first_token(&mut self, model: usize, after: Duration) {
        if let Some(of) = self.models.get_mut(model) {
            (of.waiting, of.running) = (of.waiting - 1, of.running + 1);
            of.first_token.observe(after);
        }
    }

    /// It has ended, after so long; with success if it has used something.
    pub(super) fn ends(&mut self, model: usize, stage: Stage, after: Duration, of: Option<Usage>) {
        let Some(count) = self.models.get_mut(model) else { return };
        match stage {
            Stage::Waiting => count.waiting -= 1,
            Stage::Running => count.running -= 1,
        }
        if let Some(usage) = of {
            count.succeeded += 1;
            count.prompt_tokens += u64::from(usage.prompt.get());
            count.generated_tokens += u64::from(usage.output.get());
            count.end_to_end.observe(after);
        }
    }

    /// In Prometheus' text format. Models without a name are left out.
    pub(super) fn text(&self, names: &[String], gauges: &[(&str, &str, f64)]) -> String {
        let mut page = Page(String::new());
        for (name, help, value) in gauges {
            page.head(name, "gauge", help);
            page.line(name, "", value);
        }
        let help = "Questions put to the provider, those of the mock itself included.";
        page.head("harpoon_mock_questions_total", "counter", help);
        for kind in OperationKind::ALL {
            let labels = format!("operation=\"{kind}\"");
            page.line("harpoon_mock_questions_total", &labels, self.asked[kind as usize]);
        }
        let help =
            "Questions that failed, by kind of error; also those that never reached the provider.";
        page.head("harpoon_mock_failures_total", "counter", help);
        for ((kind, why), count) in &self.failed {
            let labels = format!("operation=\"{kind}\",kind=\"{why}\"");
            page.line("harpoon_mock_failures_total", &labels, count);
        }
        let named: Vec<_> = names.iter().map(|name| label(name)).zip(&self.models).collect();
        page.models(&named);
        page.0
    }
}

/// A page in the text format.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn models(&mut self, models: &[(String, &OfModel)]) {
        type Figure = (&'static str, &'static str, &'static str, fn(&OfModel) -> u64);
        const FIGURES: [Figure; 5] = [
            ("vllm:num_requests_running", "gauge", "Requests whose first token is out.", |of| {
                of.running
            }),
            (
                "vllm:num_requests_waiting",
                "gauge",
                "Requests whose first token is not out: those whose prompt is processed included.",
                |of| of.waiting,
            ),
            ("vllm:request_success_total", "counter", "Requests answered in full.", |of| {
                of.succeeded
            }),
            (
                "vllm:prompt_tokens_total",
                "counter",
                "Prompt tokens of requests answered in full.",
                |of| of.prompt_tokens,
            ),
            (
                "vllm:generation_tokens_total",
                "counter",
                "Generated tokens of requests answered in full.",
                |of| of.generated_tokens,
            ),
        ];
        for (name, kind, help, figure) in FIGURES {
            self.head(name, kind, help);
            for (label, of) in models {
                self.line(name, label, figure(of));
            }
        }
        let name = "vllm:time_to_first_token_seconds";
        self.head(name, "histogram", "From the question to the first token.");
        for (label, of) in models {
            self.histogram(name, label, &of.first_token);
        }
        let name = "vllm:e2e_request_latency_seconds";
        self.head(name, "histogram", "From the question to the end of the answer.");
        for (label, of) in models {
            self.histogram(name, label, &of.end_to_end);
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, of: &Histogram) {
        let (bucket, mut below) = (format!("{name}_bucket"), 0);
        for (bound, count) in of.bounds.iter().zip(&of.counts) {
            below += count;
            self.line(&bucket, &format!("{labels},le=\"{bound}\""), below);
        }
        self.line(&bucket, &format!("{labels},le=\"+Inf\""), of.count);
        self.line(&format!("{name}_sum"), labels, of.sum.as_secs_f64());
        self.line(&format!("{name}_count"), labels, of.count);
    }
}

/// The label of a model, escaped as the format wants it.
fn label(name: &str) -> String {
    let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("model_name=\"{name}\"")
}

#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// One for each bound.
    counts: Vec<u64>,
    count: u64,
    sum: Duration,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], count: 0, sum: Duration::ZERO }
    }

    fn observe(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = self.bounds.partition_point(|&bound| bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum += time;
    }
}

#[cfg(test)]
mod tests {
    use connector::Tokens;

    use super::*;

    #[test]
    fn a_page_has_what_was_counted() {
        let mut metrics = Metrics::new(1);
        metrics.asked(OperationKind::Infer);
        metrics.failed(OperationKind::Allocate, "timeout");
        (0..3).for_each(|_| metrics.begins(0));
        metrics.first_token(0, Duration::from_millis(40));
        metrics.first_token(0, Duration::from_secs(10_000));
        let usage = Usage::computed(Tokens::new(7), Tokens::new(5));
        metrics.ends(0, Stage::Running, Duration::from_millis(301), Some(usage));
        metrics.ends(0, Stage::Waiting, Duration::ZERO, None);
        let page = metrics.text(&["a\"b".into()], &[("harpoon_mock_speed", "Speed.", 1.5)]);
        for line in [
            "harpoon_mock_speed 1.5",
            "harpoon_mock_questions_total{operation=\"infer\"} 1",
            "harpoon_mock_failures_total{operation=\"allocate\",kind=\"timeout\"} 1",
            "vllm:num_requests_running{model_name=\"a\\\"b\"} 1",
            "vllm:num_requests_waiting{model_name=\"a\\\"b\"} 0",
            "vllm:prompt_tokens_total{model_name=\"a\\\"b\"} 7",
            "vllm:generation_tokens_total{model_name=\"a\\\"b\"} 5",
            "vllm:time_to_first_token_seconds_bucket{model_name=\"a\\\"b\",le=\"0.02\"} 0",
            "vllm:time_to_first_token_seconds_bucket{model_name=\"a\\\"b\",le=\"0.04\"} 1",
            "vllm:time_to_first_token_seconds_bucket{model_name=\"a\\\"b\",le=\"2560\"} 1",
            "vllm:time_to_first_token_seconds_bucket{model_name=\"a\\\"b\",le=\"+Inf\"} 2",
            "vllm:time_to_first_token_seconds_sum{model_name=\"a\\\"b\"} 10000.04",
            "vllm:e2e_request_latency_seconds_bucket{model_name=\"a\\\"b\",le=\"0.5\"} 1",
            "vllm:e2e_request_latency_seconds_count{model_name=\"a\\\"b\"} 1",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}\n{page}");
        }
    }
}
