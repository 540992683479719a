//! From the parameters of a case to the product's own parts.
//!
//! * A line before `c` servers is the line of a cable with `c` places before a pool of `c` cards.
//! * A loss system is a pool that is full: the platform asks, is refused, and has nowhere else.
//! * Processor sharing and batching are the serving engine of one card: an iteration of one token
//!   takes longer the more jobs are in the batch.
//! * Dispatching is placement: cards whose batch holds one job, each with its own line. Who joins
//!   the shortest of equal lines does not matter to their lengths in order.
//! * Patience is the time-out of a cable's line, or a request's own where it differs.
//! * Feedback is answers that fail at their end and are retried without a pause, see
//!   [`feedback`](super::feedback).
//! * A closed system of `N` customers is a saturated cable with `N` places: whoever leaves is
//!   replaced at once. The time an allocation takes is the time to think.
//! * Preemptive priority is a pool of one place that is taken from whoever is less important, who
//!   waits and goes on where it was.
//! * Discriminatory processor sharing is a card shared in space by the compute that is asked for, one
//!   model for each class.
//! * Failures are a scripted error rate of allocations; what follows is the platform's own retry.

use connector::{BasisPoints, Duration};
use platform::config::{Discipline, Jitter, Measure, RetryConfig, RouterConfig};
use sim::{
    config::{
        KeptProgress, Latency, ModelShape, Placement, PreemptionConfig, RequeueConfig, Timing,
    },
    serving::Policy,
};

use super::{
    arrivals::Traffic,
    case::{ClassParams, Params, Servers},
    distribution::{Distribution, Gaps},
    feedback::Feedback,
    observer::{Busy, Reading, WaitsAt},
    setting::{BANDWIDTH, FLOPS, FOR_EVER, Setting, iteration},
};

/// Shares of a card that is not to run out of them.
const PLENTY: u32 = 100_000;
/// Servers that stand for infinitely many, and shares of each.
const MANY_SERVERS: u32 = 1000;
const SHARES_OF_MANY: u32 = 1000;
/// As many pools as the router takes.
const CANDIDATES: u32 = 128;
/// How far a system of so many servers may be from its limit: it differs by O(1/n).
const BAND: f64 = 0.03;
/// Customers that wait for a place in a closed system, and how much faster than needed they come.
const BACKLOG: u32 = 1000;
const SATURATION: f64 = 1.25;

/// A system, what arrives there, and how to read it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) traffic: Traffic,
    /// Customers per second to expect, which decides how long a run is.
    pub(super) rate: f64,
    pub(super) reading: Reading,
    /// Share by which the exact value itself may be off.
    pub(super) band: f64,
    /// Answers that fail when they are done.
    pub(super) feedback: Option<Feedback>,
    /// Customers deal with the pool themselves, see [`desk`](super::desk).
    pub(super) at_desk: bool,
}

impl World {
    fn new(setting: Setting, params: &Params, reading: Reading) -> Result<Self, String> {
        let service = params.service.ok_or("no service times are given")?;
        let batch = params.batch_size.unwrap_or(1);
        let batches = params.batch_rate.or(params.arrival_rate).ok_or("no arrivals are given")?;
        let poisson = Gaps::Renewal(Distribution::Exp { mean: 1.0 / batches });
        let classes = vec![(1.0, service)];
        let traffic =
            Traffic { gaps: params.arrival.unwrap_or(poisson), batch, classes, patience: None };
        Ok(Self {
            setting,
            traffic,
            rate: batches * f64::from(batch),
            reading,
            band: 0.0,
            feedback: None,
            at_desk: false,
        })
    }

    /// What the product can be made of these parameters, or what it lacks.
    pub(super) fn realise(params: &Params) -> Result<Self, String> {
        if params.p_fail.is_some() {
            return retries(params);
        }
        if params.population.is_some() {
            return closed(params);
        }
        if params.choices.is_some() {
            return supermarket(params);
        }
        if let Some(classes) = &params.classes {
            return priorities(params, classes);
        }
        if params.feedback_prob.is_some() {
            return feedback(params);
        }
        match (params.discipline.as_deref(), params.dispatch.as_deref(), &params.servers) {
            (None | Some("sjf"), None, Some(Servers::Number(servers))) => line(params, *servers),
            (Some(discipline), _, _) => engine(params, discipline),
            (None, Some(rule), Some(Servers::Number(servers))) => dispatch(params, rule, *servers),
            (None, None, None) => infinite(params),
            (None, _, servers) => Err(format!("no way to have {servers:?} servers")),
        }
    }
}

/// First come first served before a number of servers, with or without bounds.
fn line(params: &Params, servers: u32) -> Result<World, String> {
    if let (Some(Gaps::Renewal(Distribution::Erlang { k, mean })), 1) = (params.arrival, servers) {
        return dealt(params, k, mean);
    }
    let mut setting = Setting { cards: servers, ..Setting::default() };
    if params.discipline.as_deref() == Some("sjf") {
        setting.discipline = Discipline::Shortest;
    }
    let waiting = params.capacity.map_or(Ok(u32::MAX), |capacity| {
        capacity.checked_sub(servers).ok_or("fewer places than servers")
    })?;
    if waiting > 0 {
        setting.line = Some((servers, waiting));
    }
    let own_patience = match params.patience {
        Some(Distribution::Det { mean }) => {
            setting.patience = Duration::from_secs_f64(mean);
            None
        }
        other => other,
    };
    let mut world = World::new(setting, params, Reading::open(WaitsAt::Line, servers))?;
    world.traffic.patience = own_patience;
    Ok(world)
}

/// Whoever was served joins the line again with some probability.
fn feedback(params: &Params) -> Result<World, String> {
    let (Some(failing), Some(service), Some(Servers::Number(servers))) =
        (params.feedback_prob, params.service, &params.servers)
    else {
        return Err("feedback needs a probability, service and servers".into());
    };
    let retry = RetryConfig {
        max_retries: 1000,
        base: Duration::ZERO,
        jitter: Jitter::None,
        budget: None,
        ..RetryConfig::default()
    };
    let line = Some((*servers, u32::MAX));
    let setting = Setting { cards: *servers, line, retry, ..Setting::default() };
    let world = World::new(setting, params, Reading::open(WaitsAt::Line, *servers))?;
    Ok(World { feedback: Some(Feedback { failing, service }), ..world })
}

/// Erlang-k gaps are what each of k servers sees of a Poisson stream that is dealt in turn.
fn dealt(params: &Params, k: u32, mean: f64) -> Result<World, String> {
    let poisson = Distribution::Exp { mean: mean / f64::from(k) };
    let params = Params {
        arrival: Some(Gaps::Renewal(poisson)),
        arrival_rate: Some(1.0 / poisson.mean()),
        ..params.clone()
    };
    dispatch(&params, "round_robin", k)
}

/// Every card has a line of its own.
fn dispatch(params: &Params, rule: &str, servers: u32) -> Result<World, String> {
    let placement = match rule {
        "random" => Placement::Random,
        "round_robin" => Placement::RoundRobin,
        "jsq" => Placement::LeastLoaded,
        other => return Err(format!("no placement `{other}`")),
    };
    let setting =
        Setting { cards: servers, sharing_ratio: PLENTY, placement, ..Setting::default() };
    World::new(setting, params, Reading::open(WaitsAt::Card, servers))
}

impl World {
    /// Dispatching by the platform's router: a pool of one card for each server.
    pub(super) fn by_router(params: &Params) -> Result<Self, String> {
        let mut params = params.clone();
        let (rule, servers, band) = match (params.dispatch.as_deref(), params.arrival) {
            (Some("random"), _) => (RouterConfig::Random, 2, 0.0),
            (Some("round_robin"), _) => (RouterConfig::RoundRobin, 2, 0.0),
            (Some("jsq"), _) => (RouterConfig::LeastLoaded, 2, 0.0),
            (None, Some(Gaps::Renewal(Distribution::Erlang { k, mean }))) => {
                let poisson = Distribution::Exp { mean: mean / f64::from(k) };
                params.arrival = Some(Gaps::Renewal(poisson));
                params.arrival_rate = Some(1.0 / poisson.mean());
                (RouterConfig::RoundRobin, k, 0.0)
            }
            (None, None) if params.choices == Some(2) => {
                let per_server = params.arrival_rate_per_server.ok_or("no arrival rate")?;
                params.arrival_rate = Some(per_server * f64::from(CANDIDATES));
                (RouterConfig::PowerOfTwo(Measure::Load), CANDIDATES, BAND)
            }
            (rule, _) => return Err(format!("no rule `{rule:?}` of the router")),
        };
        let setting = Setting {
            pools: servers,
            sharing_ratio: PLENTY / 100,
            router: Some(rule),
            ..Setting::default()
        };
        let reading = Reading { pools: servers, ..Reading::open(WaitsAt::Card, servers) };
        Ok(Self { band, ..Self::new(setting, &params, reading)? })
    }
}

fn supermarket(params: &Params) -> Result<World, String> {
    let per_server = params.arrival_rate_per_server.ok_or("no arrival rate per server")?;
    match (params.choices, &params.servers) {
        (Some(2), Some(Servers::Word(word))) if word == "infinity" => {}
        (choices, servers) => return Err(format!("no {choices:?} choices among {servers:?}")),
    }
    let setting = Setting {
        cards: MANY_SERVERS,
        sharing_ratio: SHARES_OF_MANY,
        placement: Placement::PowerOfTwo,
        ..Setting::default()
    };
    let arrival_rate = Some(per_server * f64::from(MANY_SERVERS));
    let params = Params { arrival_rate, ..params.clone() };
    let world = World::new(setting, &params, Reading::open(WaitsAt::Card, MANY_SERVERS))?;
    Ok(World { band: BAND, ..world })
}

/// Jobs that share one card.
fn engine(params: &Params, discipline: &str) -> Result<World, String> {
    let servers = match params.servers {
        Some(Servers::Number(servers)) => servers,
        Some(Servers::Word(_)) | None => params.max_batch.unwrap_or(u32::MAX),
    };
    let timing = match discipline {
        "ps" if servers == 1 => iteration(0.0, 1000.0),
        "ps_capped" if params.rate_per_job.as_deref() == Some("min(1, c/n)") => capped(servers),
        "batch_ps" => {
            let alpha = params.slowdown_alpha.ok_or("no slowdown is given")?;
            iteration(1000.0 * (1.0 - alpha), 1000.0 * alpha)
        }
        other => return Err(format!("no discipline `{other}`")),
    };
    let mut reading = Reading::open(WaitsAt::Card, servers);
    if discipline == "ps_capped" {
        reading.busy = Busy::Present;
    }
    let max_batch = params.max_batch.unwrap_or(u32::MAX);
    let setting = Setting { sharing_ratio: PLENTY, max_batch, timing, ..Setting::default() };
    World::new(setting, params, reading)
}

/// Classes of customers, the most important first.
fn priorities(params: &Params, classes: &[ClassParams]) -> Result<World, String> {
    match (params.discipline.as_deref(), &params.servers) {
        (Some("nonpreemptive"), Some(Servers::Number(servers))) => {
            whoever_is_served_stays(params, classes, *servers)
        }
        (Some("preemptive_resume"), Some(Servers::Number(1))) => one_place(params, classes),
        (Some("dps"), Some(Servers::Number(1))) => by_weight(params, classes),
        (discipline, servers) => Err(format!("no discipline {discipline:?} of {servers:?}")),
    }
}

/// A card with one place, which is taken from whoever is less important.
fn one_place(params: &Params, classes: &[ClassParams]) -> Result<World, String> {
    let requeue = RequeueConfig {
        max_wait: FOR_EVER,
        max_waiting: u32::MAX,
        progress: KeptProgress::Checkpoint { bandwidth: None },
    };
    let preemption = PreemptionConfig { requeue: Some(requeue), ..PreemptionConfig::default() };
    let setting = Setting { preemption: Some(preemption), ..Setting::default() };
    let reading = Reading::open(WaitsAt::BesideService, 1);
    Ok(World { at_desk: true, ..of_classes(params, classes, setting, reading)? })
}

/// A card on which every class has as much of the compute as its customers ask for together.
fn by_weight(params: &Params, classes: &[ClassParams]) -> Result<World, String> {
    let weights: Option<Vec<f64>> = classes.iter().map(|class| class.weight).collect();
    let setting = Setting {
        sharing_ratio: PLENTY,
        max_batch: u32::MAX,
        timing: iteration(0.0, 1000.0),
        weights: weights.ok_or("a class has no weight")?,
        ..Setting::default()
    };
    let reading = Reading::open(WaitsAt::Card, 1);
    Ok(World { at_desk: true, ..of_classes(params, classes, setting, reading)? })
}

/// The line of a card in order of priority: whoever is in the batch stays there.
fn whoever_is_served_stays(
    params: &Params,
    classes: &[ClassParams],
    servers: u32,
) -> Result<World, String> {
    let setting = Setting {
        sharing_ratio: PLENTY,
        max_batch: servers,
        policy: Policy::Priority,
        classes: classes.len() as u8,
        ..Setting::default()
    };
    let mut reading = Reading::open(WaitsAt::Card, servers);
    reading.busy = Busy::Work;
    of_classes(params, classes, setting, reading)
}

fn of_classes(
    params: &Params,
    classes: &[ClassParams],
    setting: Setting,
    reading: Reading,
) -> Result<World, String> {
    let arrival_rate = classes.iter().map(|class| class.arrival_rate).sum();
    let params = Params {
        arrival_rate: Some(arrival_rate),
        service: Some(classes[0].service),
        ..params.clone()
    };
    let world = World::new(setting, &params, reading)?;
    let classes = classes.iter().map(|class| (class.arrival_rate, class.service)).collect();
    Ok(World { traffic: Traffic { classes, ..world.traffic }, ..world })
}

/// An iteration takes 1 us until `servers` jobs are in the batch, then in proportion: the roofline
/// of a model whose weights take 1 us to read and whose token takes `1/servers` us to compute.
fn capped(servers: u32) -> Timing {
    let (read, compute) = (1e-6, 1e-6 / f64::from(servers));
    Timing::Roofline(ModelShape {
        parameters: read * BANDWIDTH / 2.0,
        active_parameters: compute * FLOPS / 2.0,
        vocabulary: 0,
        tied_embeddings: false,
        weight_bits: 16,
        kv_bits: 16,
        layers: 0,
        heads: 1,
        kv_heads: 0,
        head_dim: 0,
        hidden: 1,
    })
}

/// Everybody is served at once.
fn infinite(params: &Params) -> Result<World, String> {
    let setting = Setting { sharing_ratio: PLENTY, max_batch: u32::MAX, ..Setting::default() };
    World::new(setting, params, Reading::open(WaitsAt::Card, u32::MAX))
}

fn closed(params: &Params) -> Result<World, String> {
    let (Some(population), Some(Servers::Number(servers)), Some(think), Some(service)) =
        (params.population, &params.servers, params.think, params.service)
    else {
        return Err("a closed system needs population, servers, think and service".into());
    };
    let cycle = think.mean() + service.mean();
    let fastest = (f64::from(*servers) / service.mean()).min(f64::from(population) / cycle);
    let allocating = match think {
        Distribution::Exp { mean } => Latency::Exponential { mean: Duration::from_secs_f64(mean) },
        Distribution::Det { mean } => Latency::Fixed(Duration::from_secs_f64(mean)),
        other => return Err(format!("no allocation takes {other:?}")),
    };
    let setting = Setting {
        sharing_ratio: population,
        max_batch: *servers,
        line: Some((population, BACKLOG)),
        allocating,
        ..Setting::default()
    };
    let gap = Distribution::Det { mean: 1.0 / (SATURATION * fastest) };
    let reading = Reading {
        closed: true,
        busy: if *servers == 1 { Busy::Cards } else { Busy::Work },
        ..Reading::open(WaitsAt::Card, *servers)
    };
    let traffic = Traffic {
        gaps: Gaps::Renewal(gap),
        batch: 1,
        classes: vec![(1.0, service)],
        patience: None,
    };
    Ok(World {
        setting,
        traffic,
        rate: fastest,
        reading,
        band: 0.0,
        feedback: None,
        at_desk: false,
    })
}

/// Short jobs on a pool that is never full but often fails.
fn retries(params: &Params) -> Result<World, String> {
    if params.layers.is_some() {
        return Err("one platform is one layer".into());
    }
    let (p_fail, retries) = (params.p_fail.unwrap_or(0.0), params.max_retries.unwrap_or(0));
    let setting = Setting {
        sharing_ratio: PLENTY,
        max_batch: u32::MAX,
        failing: BasisPoints::new((p_fail * 10_000.0).round() as u32),
        retry: RetryConfig { max_retries: retries, budget: None, ..RetryConfig::default() },
        ..Setting::default()
    };
    let params = Params {
        arrival_rate: Some(20.0),
        service: Some(Distribution::Det { mean: 0.001 }),
        ..params.clone()
    };
    World::new(setting, &params, Reading::open(WaitsAt::Card, u32::MAX))
}
