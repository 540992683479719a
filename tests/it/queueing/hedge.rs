//! Requests that are sent a second time, and requests of many parts, without any queue: replicas that
//! are never busy, whose times to an answer are independent.
//!
//! # Mechanism
//!
//! A service time is the time that an allocation takes, drawn anew by the simulator for every strike;
//! the inference after it is a single token, which takes a microsecond. Two pools alike are the
//! replicas. A driver of a few lines brings platform and simulator together, so that it can ask the
//! platform between two customers how long it would wait before a hedge.
//!
//! A customer of many parts is as many requests that arrive together, and is slow if any of them is.
//! Slow is whatever takes longer than all but a share `p_slow` of an exponential law.

use std::collections::BTreeMap;

use connector::{
    BasisPoints, CableId, Connector, Content, Duration, ModelId, Outcome, RequestId, RequestRecord,
    TenantId, Timestamp, Tokens,
};
use platform::{
    Input, Output, Platform, Request,
    config::{HedgeAfter, HedgeMeasure, HedgingConfig},
};
use sim::{
    Simulator,
    config::Latency,
    random::{Stream, Streams},
};

use super::{
    SEED, WARM_UP, WINDOWS,
    case::{Case, Params},
    distribution::Distribution,
    estimate::{Estimate, percentile, ratio},
    setting::Setting,
    spread::{Spread, Time},
};

/// Customers per second; nothing depends on it, because nobody waits.
const RATE: f64 = 10.0;
/// Shares and places in a batch of a card that never runs out of them.
const PLENTY: u32 = 100_000;
/// Customers of many parts.
const FAN_OUTS: u64 = 12_000;

type Measured = BTreeMap<String, Estimate>;

/// How many customers there were and every metric that such a case can ask for, or `None` if it is
/// another kind of case.
pub(super) fn measure(case: &Case, params: &Params) -> Result<Option<(u64, Measured)>, String> {
    match *params {
        Params { hedge_quantile: Some(share), service: Some(service), .. } => {
            let customers = case.customers() as u64;
            hedged(case, share, service, customers).map(|measured| Some((customers, measured)))
        }
        Params { fanout: Some(parts), p_slow: Some(share), .. } => {
            Ok(Some((FAN_OUTS, fanned_out(parts, share))))
        }
        Params { .. } => Ok(None),
    }
}

/// The same customers with and without hedges.
fn hedged(
    case: &Case,
    share: f64,
    service: Distribution,
    customers: u64,
) -> Result<Measured, String> {
    let allocating = latency(service)?;
    let percentiles: Vec<(String, f64)> = case
        .metrics()
        .filter_map(|metric| {
            let response = metric.replace("unhedged", "response");
            let (Time::Response, share) = percentile(&response)? else { return None };
            Some((metric, share))
        })
        .collect();
    let after = HedgeAfter::Quantile(BasisPoints::new((share * 10_000.0).round() as u32));
    let hedging =
        HedgingConfig { after, measure: HedgeMeasure::EndToEnd, ..HedgingConfig::default() };
    let mut measured = Measured::new();
    for (prefix, hedging) in [("response", Some(hedging)), ("unhedged", None)] {
        let setting = Setting { pools: 2, hedging, ..replicas(allocating) };
        let batches = batches(&setting, customers, 1);
        for (metric, share) in percentiles.iter().filter(|(metric, _)| metric.starts_with(prefix)) {
            let of_windows = batches.windows.iter().map(|window| (window.percentile(*share), 1.0));
            let value = batches.responses.whole(*share);
            let standard_error = ratio(of_windows).standard_error;
            measured.insert(metric.clone(), Estimate { value, standard_error });
        }
        if hedging.is_some() {
            let all = batches.windows.iter();
            let extra = ratio(all.clone().map(|window| (window.hedges, window.customers)));
            let delay = ratio(all.map(|window| (window.delays, window.customers)));
            measured.insert("extra_requests".into(), extra);
            measured.insert("hedge_delay".into(), delay);
        }
    }
    Ok(measured)
}

fn fanned_out(parts: u32, share: f64) -> Measured {
    let mean = Duration::from_secs(1);
    let setting = replicas(Latency::Exponential { mean });
    let slow = Duration::from_secs_f64(-share.ln());
    let mut run = Run::new(&setting, parts);
    run.slow = slow;
    let batches = run.batches(FAN_OUTS);
    let any_slow = ratio(batches.windows.iter().map(|window| (window.slow, window.customers)));
    Measured::from([("p_any_slow".into(), any_slow)])
}

fn latency(service: Distribution) -> Result<Latency, String> {
    match service {
        Distribution::Exp { mean } => {
            Ok(Latency::Exponential { mean: Duration::from_secs_f64(mean) })
        }
        Distribution::Pareto { alpha, xm } => {
            Ok(Latency::Pareto { least: Duration::from_secs_f64(xm), alpha })
        }
        other => Err(format!("no allocation takes {other:?}")),
    }
}

/// Servers without end.
fn replicas(allocating: Latency) -> Setting {
    Setting { sharing_ratio: PLENTY, max_batch: u32::MAX, allocating, ..Setting::default() }
}

fn batches(setting: &Setting, customers: u64, parts: u32) -> Batches {
    Run::new(setting, parts).batches(customers)
}

/// What is kept of a run.
struct Batches {
    windows: Vec<Window>,
    responses: Spread,
}

/// Sums over customers that arrived one after the other.
#[derive(Default)]
struct Window {
    customers: f64,
    hedges: f64,
    /// Times that the platform would have waited before a hedge.
    delays: f64,
    /// Customers with a part that was slow.
    slow: f64,
    responses: Vec<f64>,
}

impl Window {
    fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.responses.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((share * sorted.len() as f64) as usize).min(sorted.len() - 1)]
    }
}

/// Platform and simulator, and who comes.
struct Run {
    platform: Platform,
    simulator: Simulator,
    gaps: Stream,
    parts: u32,
    slow: Duration,
    records: Vec<RequestRecord>,
    sent: u64,
}

impl Run {
    fn new(setting: &Setting, parts: u32) -> Self {
        Self {
            platform: Platform::new(setting.platform()).expect("a valid platform"),
            simulator: Simulator::new(setting.provider(), SEED).expect("a valid provider"),
            gaps: Streams::new(SEED).stream("gaps"),
            parts,
            slow: Duration::MAX,
            records: Vec::new(),
            sent: 0,
        }
    }

    /// Windows of equally many customers. Whoever answers late is counted where it arrived.
    fn batches(mut self, customers: u64) -> Batches {
        let per_window = customers / WINDOWS as u64;
        let of = per_window * (WARM_UP + WINDOWS) as u64;
        let mut windows: Vec<Window> = (0..WARM_UP + WINDOWS).map(|_| Window::default()).collect();
        let mut now = Timestamp::ZERO;
        for customer in 0..of {
            let next = now + Duration::from_secs_f64(self.gaps.exponential(1.0 / RATE));
            self.run_until(next);
            now = next;
            let window = &mut windows[(customer / per_window) as usize];
            window.customers += 1.0;
            let delay = self.platform.hedge_after(CableId(0), ModelId(0));
            window.delays += delay.map_or(0.0, Duration::as_secs_f64);
            (0..self.parts).for_each(|_| self.send(now));
        }
        self.run_until(Timestamp::MAX);
        self.count(&mut windows, per_window);
        let kept = windows.split_off(WARM_UP);
        let mut responses = Spread::new();
        for time in kept.iter().flat_map(|window| &window.responses) {
            responses.record(Duration::from_secs_f64(*time));
        }
        responses.keep();
        Batches { windows: kept, responses }
    }

    fn count(&self, windows: &mut [Window], per_window: u64) {
        let mut slow = vec![false; (self.sent / u64::from(self.parts)) as usize];
        for record in &self.records {
            assert_eq!(record.outcome, Outcome::Completed);
            let customer = record.request.0 / u64::from(self.parts);
            let window = &mut windows[(customer / per_window) as usize];
            window.hedges += f64::from(record.hedges);
            window.responses.push(record.end_to_end().as_secs_f64());
            let is_slow = record.end_to_end() > self.slow;
            if is_slow && !std::mem::replace(&mut slow[customer as usize], true) {
                window.slow += 1.0;
            }
        }
    }

    fn send(&mut self, now: Timestamp) {
        let request = Request {
            id: RequestId(self.sent),
            tenant: TenantId(0),
            arrived: now,
            prompt_tokens: Tokens::ZERO,
            output_tokens: Tokens::new(1),
            content: Content::Unknown,
            class: None,
            model: None,
            patience: None,
            terms: None,
            fan_out: None,
        };
        self.sent += 1;
        self.tell(now, Input::Request(request));
    }

    fn run_until(&mut self, end: Timestamp) {
        loop {
            let next = [self.simulator.deadline(), self.platform.deadline()];
            let Some(now) = next.into_iter().flatten().min().filter(|&next| next <= end) else {
                return;
            };
            while let Some(event) = self.simulator.poll(now) {
                self.tell(now, Input::Event(CableId(0), event));
            }
            self.tell(now, Input::Wake);
        }
    }

    fn tell(&mut self, now: Timestamp, input: Input) {
        self.platform.handle(now, input);
        while let Some(output) = self.platform.poll_output() {
            match output {
                Output::Submit { ticket, operation, .. } => {
                    self.simulator.submit(now, ticket, operation);
                }
                Output::Respond(_) | Output::Usage(_) | Output::Lease(_) => {}
                Output::Record(record) => self.records.push(record),
            }
        }
    }
}
