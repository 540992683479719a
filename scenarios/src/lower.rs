//! From what is written to what is run: defaults filled in, names resolved, and everything checked
//! that a key alone cannot know.
//!
//! Nothing stops at a mistake. A part that is wrong is reported and stands as `None`, checks that need
//! it are left out, and the scenario exists only if nothing was reported.

mod autoscale;
mod capacity;
mod control_plane;
mod faults;
mod files;
mod models;
mod names;
mod objectives;
mod platform;
mod pools;
mod preemption;
mod price_book;
mod prices;
mod regions;
mod serving;
mod sharing;
mod tokens;
mod traffic;

use std::{cell::Cell, path::Path, sync::Arc};

use connector::{BasisPoints, Duration, Names};

use self::names::NameTable;
use crate::{
    Scenario,
    document::{Effective, Node, NodeId, Report},
    language::{Either, List, ModelSpec, Optional, ScenarioSpec, Time},
    traffic::SourceKind,
};

/// 2026-01-01T00:00:00Z.
const STARTS_AT: jiff::Timestamp = jiff::Timestamp::constant(1_767_225_600, 0);

/// What every part needs to be lowered.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) report: &'a Report<'a>,
    /// What paths in the scenario are relative to.
    pub(crate) base_dir: &'a Path,
    /// Whether any path was met.
    pub(crate) names_files: &'a Cell<bool>,
}

/// Every name that the scenario defines.
struct Known {
    pools: NameTable,
    models: NameTable,
    tenants: NameTable,
    classes: NameTable,
}

impl Known {
    fn new(context: Context<'_>, spec: &ScenarioSpec) -> Self {
        let report = context.report;
        let pools = spec.provider.get().map(|provider| &provider.pools);
        let platform = read(&spec.platform);
        let classes = platform.and_then(|platform| platform.classes.as_ref());
        let mut known = Self {
            pools: NameTable::new(report, "pool", "pools", named(items(pools), |pool| &pool.name))
                .of_readable(pools.is_some_and(is_readable)),
            models: NameTable::new(report, "model", "models", model_names(&spec.models))
                .of_readable(is_readable(&spec.models)),
            tenants: NameTable::new(
                report,
                "tenant",
                "tenants",
                named(items(spec.tenants.as_ref()), |tenant| &tenant.name),
            )
            .of_readable(spec.tenants.as_ref().is_none_or(is_readable)),
            classes: NameTable::new(
                report,
                "class",
                "classes",
                named(items(classes), |class| &class.name),
            )
            .of_readable(
                spec.platform.as_ref().is_none_or(is_readable) && classes.is_none_or(is_readable),
            ),
        };
        if spec.tenants.is_none() {
            known.tenants.push("default".to_owned());
        }
        if classes.is_none() {
            known.classes.push("all".to_owned());
        }
        known
    }

    /// Whether a name that is in no table is a mistake of its own.
    fn is_complete(&self) -> bool {
        [&self.pools, &self.models, &self.tenants, &self.classes]
            .into_iter()
            .all(NameTable::is_complete)
    }
}

/// Lowers a whole scenario; `None` if anything was reported, now or while decoding.
pub(crate) fn scenario(context: Context<'_>, spec: &ScenarioSpec, hash: u64) -> Option<Scenario> {
    let mut known = Known::new(context, spec);
    let name = names::checked(context.report, &spec.name);
    let duration = run_length(context, spec);
    let warm_up = warm_up(context, spec, duration);
    let pools = pools::lower(context, spec, &known);
    let models = models::lower(context, spec, &pools);
    let traffic = traffic::lower(context, spec, &mut known, duration);
    let platform = platform::lower(context, spec, &known, &pools, &models);
    let billing = price_book::lower(context, spec, &known, &pools);
    let metering = platform::metering::lower(context, spec);
    // Client mixes have brought their tenants by now, and regions may name any.
    let regions = regions::lower(context, spec, &known);
    let faults = faults::lower(context, spec, &known);
    let objectives = objectives::lower(context, spec, &known);
    if !context.report.is_clean() {
        return None;
    }
    let names = Names {
        pools: known.pools.into_names(),
        models: known.models.into_names(),
        tenants: known.tenants.into_names(),
        classes: known.classes.into_names(),
    };
    let (pools, endpoints) = pools.into_iter().map(|pool| (pool.config, pool.endpoint)).unzip();
    let models: Vec<_> = models.into_iter().flatten().map(|model| model.config).collect();
    let mut scenario = Scenario {
        name: name?,
        description: read(&spec.description).cloned().unwrap_or_default(),
        seed: read(&spec.seed).map_or(1, |seed| seed.get()),
        duration,
        starts_at: read(&spec.starts_at).map_or(STARTS_AT, |stated| stated.0.0),
        warm_up,
        replications: read(&spec.replications).map_or(1, |count| count.small()),
        provider: sim::ProviderConfig { regions, pools, models, faults },
        platform: platform?,
        billing,
        metering,
        names,
        endpoints,
        objectives,
        traffic,
        hash,
        effective: Effective::new(
            context.report.document(),
            context.base_dir,
            context.names_files.get(),
        ),
    };
    scenario.platform.seed = scenario.seed;
    tell_names_to_traces(&mut scenario);
    Some(scenario)
}

/// Rows of a trace may name tenants, classes and models.
fn tell_names_to_traces(scenario: &mut Scenario) {
    let names = Arc::new(scenario.names.clone());
    for source in &mut scenario.traffic {
        if let SourceKind::Replay(replay) = &mut source.kind {
            replay.file.names = Some(names.clone());
        }
    }
}

fn run_length(context: Context<'_>, spec: &ScenarioSpec) -> Option<Duration> {
    let node = spec.duration.as_ref()?;
    let duration = above_zero(context, Some(node), "the run", Duration::ZERO);
    (!duration.is_zero()).then_some(duration)
}

fn warm_up(context: Context<'_>, spec: &ScenarioSpec, duration: Option<Duration>) -> Duration {
    let warm_up = time(spec.warm_up.as_ref(), Duration::ZERO);
    if let (Some(node), Some(length)) = (&spec.warm_up, &spec.duration)
        && duration.is_some_and(|duration| warm_up >= duration)
    {
        let [beginning, whole] =
            [node, length].map(|node| context.report.document().describe(node.at));
        context.report.problem_with_help(
            node.at,
            format!("the warm-up of {beginning} leaves nothing of a run of {whole}"),
            "make it shorter than `duration`",
        );
    }
    warm_up
}

/// The value of an optional key.
#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn read<T>(node: &Optional<T>) -> Option<&T> {
    node.as_ref()?.get()
}

fn is_readable<T>(node: &Node<T>) -> bool {
    node.get().is_some()
}

/// The items of an optional list.
fn items<T>(list: Option<&Node<List<T>>>) -> &[Node<T>] {
    list.and_then(Node::get).map_or(&[], Vec::as_slice)
}

/// A time, or what its absence means.
fn time(node: Option<&Node<Time>>, default: Duration) -> Duration {
    node.and_then(Node::get).map_or(default, |time| time.0.0)
}

/// A time that must not be zero.
fn above_zero(
    context: Context<'_>,
    node: Option<&Node<Time>>,
    what: &str,
    default: Duration,
) -> Duration {
    let value = time(node, default);
    if let Some(node) = node.filter(|node| node.get().is_some() && value.is_zero()) {
        let message = format!("{what} takes no time: it must be longer than 0s");
        context.report.problem(node.at, message);
    }
    value
}

/// A share of something; more than all of it is reported.
fn at_most_all(
    context: Context<'_>,
    at: NodeId,
    rate: BasisPoints,
    of: &str,
    what: &str,
) -> BasisPoints {
    if rate > BasisPoints::ONE {
        let message = format!("{rate} of all {of} cannot {what}: at most 100% can");
        context.report.problem_with_help(at, message, "state a share from 0% to 100%");
    }
    rate
}

/// The names of the items of a list, each with where it stands.
fn named<'a, T>(
    list: &'a [Node<T>],
    name: impl Fn(&'a T) -> &'a Node<String> + 'a,
) -> impl Iterator<Item = (NodeId, Option<&'a str>)> {
    list.iter().map(move |item| match item.get().map(&name) {
        Some(node) => (node.at, node.get().map(String::as_str)),
        None => (item.at, None),
    })
}

fn model_names(
    models: &Node<List<Either<String, ModelSpec>>>,
) -> impl Iterator<Item = (NodeId, Option<&str>)> {
    items(Some(models)).iter().map(|item| match item.get() {
        Some(Either::Short(name)) => (item.at, Some(name.as_str())),
        Some(Either::Long(model)) => (model.name.at, model.name.get().map(String::as_str)),
        None => (item.at, None),
    })
}
