use std::{num::NonZero, path::PathBuf, sync::Arc};

use connector::{ClassId, Duration, ModelId, TenantId};

use super::{
    Context, Known, above_zero, control_plane, files, items, named, names::NameTable,
    platform::covenant::terms, read, time, tokens,
};
use crate::{
    TrafficSource,
    document::{Node, NodeId},
    language::{
        ArrivalsSpec, FormatSpec, Positive, Quantity, RateCurveSpec, ScenarioSpec, ServegenSpec,
        StateSpec, TraceSpec, TrafficSpec, UsersSpec,
    },
    rate::Rate,
    trace::{Format, TraceFile},
    traffic::{
        Labels, SourceKind,
        curve::Curve,
        gaps::{GapLaw, MmppState},
        replay::{MAX_COPIES, Replay},
        servegen::{ClientTable, Mix},
        synthetic::{Lengths, Synthetic},
        users::Crowd,
    },
};

/// Most requests that synthetic traffic of one scenario may be expected to have.
const MAX_REQUESTS: f64 = 1e10;

/// All sources of traffic; clients of a mix become tenants.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ScenarioSpec,
    known: &mut Known,
    duration: Option<Duration>,
) -> Vec<TrafficSource> {
    let list = &spec.traffic;
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem_with_help(list.at, "there is no traffic", "add at least one source");
    }
    let nodes = items(Some(list));
    let names = named(nodes, |source| &source.name);
    let _unique = NameTable::new(context.report, "traffic source", "traffic sources", names);
    let sources: Vec<TrafficSource> =
        nodes.iter().filter_map(|node| source(context, node, known)).collect();
    check_end(context, spec, &sources);
    check_amount(context, spec, &sources, duration);
    sources
}

fn check_end(context: Context<'_>, spec: &ScenarioSpec, sources: &[TrafficSource]) {
    let endless = sources.iter().find(|source| !source.is_finite());
    if let (None, Some(source)) = (&spec.duration, endless) {
        context.report.problem_with_help(
            spec.traffic.at,
            format!(
                "traffic `{}` does not end by itself, and the scenario has no `duration`",
                source.name
            ),
            "add `duration: 10min` at the top",
        );
    }
}

fn check_amount(
    context: Context<'_>,
    spec: &ScenarioSpec,
    sources: &[TrafficSource],
    duration: Option<Duration>,
) {
    let rate: f64 = sources.iter().filter_map(mean_rate).sum();
    let expected = rate * duration.map_or(0.0, Duration::as_secs_f64);
    if expected > MAX_REQUESTS {
        context.report.problem_with_help(
            spec.traffic.at,
            format!("about {expected:.0} requests are expected, but at most {MAX_REQUESTS:.0} are simulated"),
            "lower the rates or shorten `duration`",
        );
    }
}

/// Requests per second of a synthetic source.
fn mean_rate(source: &TrafficSource) -> Option<f64> {
    match &source.kind {
        SourceKind::Synthetic(synthetic) => {
            let curve = synthetic.curve.as_ref().map_or(1.0, |curve| curve.mean());
            Some(synthetic.gaps.mean_rate() * f64::from(synthetic.batch.get()) * curve)
        }
        SourceKind::Replay(_) | SourceKind::Mix(_) | SourceKind::Users(_) => None,
    }
}

fn source(
    context: Context<'_>,
    node: &Node<TrafficSpec>,
    known: &mut Known,
) -> Option<TrafficSource> {
    let spec = node.get()?;
    let labels = labels(context, spec, known);
    let lengths = lengths(context, spec);
    let (arrivals, users) = (spec.arrivals.is_some(), spec.users.is_some());
    let kinds = [arrivals, users, spec.trace.is_some(), spec.servegen.is_some()];
    if kinds.into_iter().filter(|&stated| stated).count() != 1 {
        context.report.problem_with_help(
            node.at,
            "a traffic source makes requests in exactly one way",
            "give one of `arrivals`, `users`, `trace` and `servegen`",
        );
        return None;
    }
    refuse_idle_keys(context, spec);
    let name = spec.name.get()?.clone();
    let kind = if let Some(node) = &spec.arrivals {
        synthetic(context, spec, node, labels, lengths).map(SourceKind::Synthetic)
    } else if let Some(node) = &spec.users {
        crowd(context, spec, node, labels, lengths).map(SourceKind::Users)
    } else if let Some(trace) = &spec.trace {
        replay(context, trace.get()?, labels).map(SourceKind::Replay)
    } else {
        let node = spec.servegen.as_ref()?;
        mix(context, spec, node, labels, lengths, known).map(SourceKind::Mix)
    };
    let patience = read(&spec.patience).map(|law| control_plane::latency(context, law));
    let terms = spec.covenant.as_ref().map(|_| terms(context, &spec.covenant, known));
    Some(TrafficSource { name, kind: kind?, patience, terms: terms.map(Arc::new) })
}

/// A key that has no effect is a mistake of whoever wrote it.
fn refuse_idle_keys(context: Context<'_>, spec: &TrafficSpec) {
    let synthetic = spec.arrivals.is_some();
    let lengths = synthetic || spec.users.is_some() || spec.servegen.is_some();
    let keys = [
        ("rate_curve", spec.rate_curve.as_ref().map(|node| node.at), synthetic, "`arrivals`"),
        ("batch", spec.batch.as_ref().map(|node| node.at), synthetic, "`arrivals`"),
        ("fan_out", spec.fan_out.as_ref().map(|node| node.at), synthetic, "`arrivals`"),
        (
            "prompt_tokens",
            spec.prompt_tokens.as_ref().map(|node| node.at),
            lengths,
            "`arrivals`, `users` or `servegen`",
        ),
        (
            "output_tokens",
            spec.output_tokens.as_ref().map(|node| node.at),
            lengths,
            "`arrivals`, `users` or `servegen`",
        ),
    ];
    for (key, at, has_effect, with) in keys {
        if let Some(at) = at.filter(|_| !has_effect) {
            context.report.problem_with_help(
                at,
                format!("`{key}` has no effect here"),
                format!("it goes with {with}; remove it"),
            );
        }
    }
}

fn labels(context: Context<'_>, spec: &TrafficSpec, known: &Known) -> Labels {
    let find = |table: &NameTable, node: Option<&Node<String>>| {
        node.and_then(|node| table.find(context.report, node)).map(|index| index as u32)
    };
    Labels {
        tenant: find(&known.tenants, spec.tenant.as_ref()).map_or(TenantId(0), TenantId),
        class: find(&known.classes, spec.class.as_ref()).map(ClassId),
        model: find(&known.models, spec.model.as_ref()).map(ModelId),
    }
}

/// Both laws; `None` unless both are stated and could be read.
fn lengths(context: Context<'_>, spec: &TrafficSpec) -> Option<Lengths> {
    let prompt = spec.prompt_tokens.as_ref().and_then(|node| tokens::sampler(context, node));
    let output = spec.output_tokens.as_ref().and_then(|node| tokens::sampler(context, node));
    Some(Lengths { prompt: prompt?, output: output? })
}

/// Whoever makes up requests must say how long they are.
fn need_lengths(context: Context<'_>, spec: &TrafficSpec, at: NodeId) {
    for (key, stated) in [
        ("prompt_tokens", spec.prompt_tokens.is_some()),
        ("output_tokens", spec.output_tokens.is_some()),
    ] {
        if !stated {
            context.report.problem_with_help(
                at,
                format!("synthetic traffic does not say its `{key}`"),
                format!("add `{key}: {{ lognormal: {{ p50: 1020, p95: 4083 }} }}` or `{key}: 256`"),
            );
        }
    }
}

fn crowd(
    context: Context<'_>,
    spec: &TrafficSpec,
    node: &Node<UsersSpec>,
    labels: Labels,
    lengths: Option<Lengths>,
) -> Option<Crowd> {
    need_lengths(context, spec, node.at);
    let users = node.get()?;
    Some(Crowd {
        labels,
        count: users.count.copied()?.small(),
        think: read(&users.think).map(|law| control_plane::latency(context, law)),
        ramp_up: time(users.ramp_up.as_ref(), Duration::ZERO),
        lengths: lengths?,
    })
}

fn synthetic(
    context: Context<'_>,
    spec: &TrafficSpec,
    node: &Node<ArrivalsSpec>,
    labels: Labels,
    lengths: Option<Lengths>,
) -> Option<Synthetic> {
    need_lengths(context, spec, node.at);
    let fans_out = spec.fan_out.is_some();
    if let Some(node) = spec.batch.as_ref().filter(|_| fans_out) {
        context.report.problem_with_help(
            node.at,
            "a fan-out is a batch already",
            "remove `batch`, or `fan_out` if requests that arrive together are apart",
        );
    }
    let batch = read(&spec.fan_out).or_else(|| read(&spec.batch));
    let batch = batch.and_then(|batch| NonZero::new(batch.small() as u16));
    let batch = batch.unwrap_or(NonZero::<u16>::MIN);
    let gaps = gaps(context, node, f64::from(batch.get()));
    let curve = spec.rate_curve.as_ref().map(|node| curve(context, node));
    let curve = match curve {
        Some(curve) => Some(Arc::new(curve?)),
        None => None,
    };
    Some(Synthetic { labels, gaps: gaps?, curve, batch, fans_out, lengths: lengths? })
}

fn gaps(context: Context<'_>, node: &Node<ArrivalsSpec>, batch: f64) -> Option<GapLaw> {
    let rate = |node: &Node<Quantity<Rate>>| {
        let rate = node.copied()?.0.per_second();
        if rate > 0.0 {
            return Some(rate / batch);
        }
        let message = "a rate of zero brings no requests";
        context.report.problem_with_help(node.at, message, "raise it, or remove the source");
        None
    };
    match node.get()? {
        ArrivalsSpec::Poisson { rate: node } => rate(node).map(GapLaw::poisson),
        ArrivalsSpec::Gamma { rate: node, cv } => {
            let (rate, cv) = (rate(node), cv.copied());
            Some(GapLaw::gamma(rate?, cv?.get()))
        }
        ArrivalsSpec::Weibull { rate: node, cv } => {
            let (rate, cv) = (rate(node), cv.copied());
            Some(GapLaw::weibull(rate?, cv?.get()))
        }
        ArrivalsSpec::Mmpp { states } => mmpp(context, states, batch),
    }
}

fn mmpp(context: Context<'_>, node: &Node<Vec<Node<StateSpec>>>, batch: f64) -> Option<GapLaw> {
    let state = |node: &Node<StateSpec>| {
        let spec = node.get()?;
        let stay = above_zero(context, Some(&spec.mean_stay), "a state", Duration::ZERO);
        let rate = spec.rate.copied()?.0.per_second() / batch;
        (!stay.is_zero()).then(|| MmppState { rate, mean_stay: stay.as_secs_f64() })
    };
    let states: Vec<Option<MmppState>> = items(Some(node)).iter().map(state).collect();
    let states: Vec<MmppState> = states.into_iter().collect::<Option<_>>()?;
    if states.len() < 2 {
        let message = format!("a modulated process needs at least 2 states, not {}", states.len());
        context.report.problem_with_help(node.at, message, "with one state it is `poisson`");
        return None;
    }
    if states.iter().all(|state| state.rate <= 0.0) {
        context.report.problem(node.at, "a rate of zero in every state brings no requests");
        return None;
    }
    Some(GapLaw::Mmpp { states })
}

fn curve(context: Context<'_>, node: &Node<RateCurveSpec>) -> Option<Curve> {
    const DAY: Duration = Duration::from_secs(86_400);
    let spec = node.get()?;
    let period = above_zero(context, spec.period.as_ref(), "the period", DAY);
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in items(Some(&spec.points)).iter().filter_map(Node::get) {
        let at = time(Some(&point.at), Duration::ZERO);
        if at > period {
            let message = format!("{at} lies beyond the period of {period}");
            context.report.problem(point.at.at, message);
        }
        if let Some(last) = last.filter(|&last| at <= last) {
            let message = format!("{at} does not come after the point before it, {last}");
            context.report.problem(point.at.at, message);
        }
        last = Some(at);
        points.push((at.as_secs_f64(), point.factor.copied()?.0.as_ratio()));
    }
    let curve = Curve::new(period.as_secs_f64(), &points);
    if curve.is_none() {
        let help = "give at least one point with a factor above 0%";
        context.report.problem_with_help(node.at, "the rate is zero throughout", help);
    }
    curve
}

fn replay(context: Context<'_>, spec: &TraceSpec, labels: Labels) -> Option<Replay> {
    let most = f64::from(MAX_COPIES);
    if let Some(node) = spec.rate.as_ref().filter(|_| factor(spec.rate.as_ref()) > most) {
        context.report.problem_with_help(
            node.at,
            format!(
                "a rate of {} needs more than {MAX_COPIES} copies of the trace",
                factor(spec.rate.as_ref())
            ),
            "lower it; `time_scale` below 1 raises the rate by a faster clock",
        );
    }
    let sort_window = time(spec.sort_window.as_ref(), Duration::ZERO);
    let start = time(spec.start.as_ref(), Duration::ZERO);
    let format = read(&spec.format).map(|format| match format {
        FormatSpec::Azure => Format::Azure,
        FormatSpec::Mooncake => Format::Mooncake,
        FormatSpec::Own => Format::Own,
    });
    let path = path(context, &spec.file)?;
    let mut file = TraceFile { sort_window, ..TraceFile::new(&path, format) };
    match file.open() {
        Ok(rows) => file.format = Some(rows.format()),
        Err(error) => {
            let help = error.help();
            context.report.add(spec.file.at, error.to_string(), help);
        }
    }
    Some(Replay {
        file,
        labels,
        time_scale: factor(spec.time_scale.as_ref()),
        rate: factor(spec.rate.as_ref()),
        start,
    })
}

fn factor(node: Option<&Node<Positive<6>>>) -> f64 {
    node.and_then(Node::get).map_or(1.0, |factor| factor.get())
}

fn path(context: Context<'_>, node: &Node<String>) -> Option<PathBuf> {
    files::existing(context, node.at, node.get()?)
}

fn mix(
    context: Context<'_>,
    spec: &TrafficSpec,
    node: &Node<ServegenSpec>,
    labels: Labels,
    lengths: Option<Lengths>,
    known: &mut Known,
) -> Option<Mix> {
    const WINDOW: Duration = Duration::from_secs(600);
    let servegen = node.get()?;
    let window = above_zero(context, servegen.window.as_ref(), "a window", WINDOW);
    let start = servegen.start.as_ref().map(|node| time(Some(node), Duration::ZERO));
    let rates = path(context, &servegen.rates);
    let tokens = servegen.tokens.as_ref().map(|node| path(context, node));
    let tokens = match tokens {
        Some(path) => Some(path?),
        None => None,
    };
    let table = match ClientTable::read(&rates?, tokens.as_deref()) {
        Ok(table) => table,
        Err(error) => {
            let at = servegen.tokens.as_ref().filter(|_| tokens.as_deref() == Some(error.path()));
            let at = at.map_or(servegen.rates.at, |node| node.at);
            context.report.add(at, error.to_string(), error.help());
            return None;
        }
    };
    check_lengths(context, node, &table, lengths.is_some());
    check_start(context, servegen, &table, start, window);
    let own_tenants = spec.tenant.is_none();
    Some(Mix {
        tenants: own_tenants.then(|| client_tenants(spec, &table, known)),
        start: start.map_or_else(|| table.first_window(), Duration::as_secs_f64),
        window: window.as_secs_f64(),
        scale: factor(servegen.scale.as_ref()),
        table: Arc::new(table),
        labels,
        lengths,
    })
}

/// Every client is a tenant of its own, named after the source and its number.
fn client_tenants(spec: &TrafficSpec, table: &ClientTable, known: &mut Known) -> Vec<TenantId> {
    let source = spec.name.get().map_or("", String::as_str);
    let clients = table.clients.iter().map(|client| {
        known.tenants.push(format!("{source}/{}", client.id));
        TenantId(known.tenants.len() as u32 - 1)
    });
    clients.collect()
}

fn check_lengths(
    context: Context<'_>,
    node: &Node<ServegenSpec>,
    table: &ClientTable,
    has_default: bool,
) {
    let without = table.without_lengths();
    if has_default || without.is_empty() {
        return;
    }
    let ids: Vec<String> = without.iter().take(20).map(u64::to_string).collect();
    let more = if without.len() > 20 { ", ..." } else { "" };
    context.report.problem_with_help(
        node.at,
        format!("nothing says how long the requests of clients {}{more} are", ids.join(", ")),
        "add `prompt_tokens` and `output_tokens` beside `servegen`, or name a table as `tokens`",
    );
}

fn check_start(
    context: Context<'_>,
    spec: &ServegenSpec,
    table: &ClientTable,
    start: Option<Duration>,
    window: Duration,
) {
    let end = table.last_window() + window.as_secs_f64();
    if let (Some(start), Some(node)) = (start, &spec.start)
        && start.as_secs_f64() >= end
    {
        let end = Duration::from_secs_f64(end);
        let message = format!("{start} lies beyond the end of the table at {end}");
        context.report.problem(node.at, message);
    }
}
