use connector::{BasisPoints, ModelId, PoolId};
use platform::config::{
    Candidate, CovenantRouting, Measure, PoolWeight, PrefixConfig, RouterConfig,
};

use crate::{
    document::{Node, shorten},
    language::{Entries, List, MeasureSpec, PlatformSpec, Quantity, RouterSpec, Whole},
    lower::{
        Context, Known, items,
        models::{self, Model},
        pools::Pool,
        read,
    },
};

/// How candidates are ranked.
pub(super) fn lower(
    context: Context<'_>,
    spec: Option<&PlatformSpec>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> RouterConfig {
    let stated = spec.and_then(|spec| spec.router.as_ref());
    let Some((node, rule)) = stated.and_then(|node| Some((node, node.get()?))) else {
        return RouterConfig::Cheapest;
    };
    match rule {
        RouterSpec::Cheapest => RouterConfig::Cheapest,
        RouterSpec::Fastest => RouterConfig::Fastest,
        RouterSpec::Random => RouterConfig::Random,
        RouterSpec::RoundRobin => RouterConfig::RoundRobin,
        RouterSpec::Weighted(entries) => {
            RouterConfig::Weighted(weights(context, node, entries, known))
        }
        RouterSpec::LeastLoaded => RouterConfig::LeastLoaded,
        RouterSpec::PowerOfTwo { by } => RouterConfig::PowerOfTwo(measure(read(by).copied())),
        RouterSpec::PrefixAffine { blocks, load_factor } => {
            let default = PrefixConfig::default();
            RouterConfig::PrefixAffine(PrefixConfig {
                blocks: read(blocks).map_or(default.blocks, |blocks| blocks.small()),
                load_factor: load_bound(context, load_factor.as_ref(), default.load_factor),
            })
        }
        RouterSpec::Tiered => RouterConfig::Tiered,
        RouterSpec::Covenant { quantile, margin } => {
            let default = CovenantRouting::default();
            RouterConfig::Covenant(CovenantRouting {
                quantile: share(context, quantile.as_ref(), (5_000, 9_990), default.quantile),
                margin: share(context, margin.as_ref(), (0, 9_000), default.margin),
            })
        }
        RouterSpec::Static(entries) => {
            RouterConfig::Static(table(context, node, entries, known, pools, models))
        }
    }
}

fn measure(spec: Option<MeasureSpec>) -> Measure {
    match spec {
        None => Measure::default(),
        Some(MeasureSpec::Load) => Measure::Load,
        Some(MeasureSpec::Latency) => Measure::Latency,
    }
}

fn weights(
    context: Context<'_>,
    node: &Node<RouterSpec>,
    entries: &Entries<Whole<0, 1_000_000>>,
    known: &Known,
) -> Vec<PoolWeight> {
    let weights: Vec<PoolWeight> = entries
        .0
        .iter()
        .filter_map(|(pool, weight)| {
            let pool = known.pools.find(context.report, pool)?;
            Some(PoolWeight { pool: PoolId(pool as u32), weight: weight.get()?.small() })
        })
        .collect();
    if weights.len() == entries.0.len() && weights.iter().all(|one| one.weight == 0) {
        context.report.problem_with_help(
            node.at,
            "the weighted router has no pool with a weight above 0",
            "weigh at least one pool: `weighted: { pool: 1 }`",
        );
    }
    weights
}

/// A share within these basis points.
fn share(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    (least, most): (u32, u32),
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, share)) = node.and_then(|node| Some((node, node.get()?.0))) else {
        return default;
    };
    if !(least..=most).contains(&share.get()) {
        let (least, most) = (BasisPoints::new(least), BasisPoints::new(most));
        let message = format!("`{share}` is out of range: it must be between {least} and {most}");
        context.report.problem(node.at, message);
    }
    share
}

fn load_bound(
    context: Context<'_>,
    node: Option<&Node<Quantity<BasisPoints>>>,
    default: BasisPoints,
) -> BasisPoints {
    let Some((node, factor)) = node.and_then(|node| Some((node, node.get()?.0))) else {
        return default;
    };
    if factor < BasisPoints::ONE {
        context.report.problem_with_help(
            node.at,
            format!("a load factor of {factor} leaves requests without a pool"),
            "100% is the mean load of all pools: give at least that",
        );
    }
    factor
}

/// The candidates of every class.
fn table(
    context: Context<'_>,
    node: &Node<RouterSpec>,
    entries: &Entries<List<String>>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> Vec<Vec<Candidate>> {
    let mut table = vec![Vec::new(); known.classes.len()];
    for (class, list) in &entries.0 {
        let class = known.classes.find(context.report, class);
        let candidates = candidates(context, list, known, pools, models);
        if let Some(class) = class {
            table[class] = candidates;
        }
    }
    let stated = |name: &str| {
        entries.0.iter().any(|(class, _)| class.get().is_some_and(|class| class == name))
    };
    for name in known.classes.names().filter(|name| !stated(name)) {
        context.report.problem_with_help(
            node.at,
            format!("the static router has no candidates for class `{name}`"),
            format!("add `{name}: [model@pool]`"),
        );
    }
    table
}

fn candidates(
    context: Context<'_>,
    list: &Node<List<String>>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> Vec<Candidate> {
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem(list.at, "a class needs at least one candidate");
    }
    let candidates = items(Some(list)).iter();
    candidates.filter_map(|node| candidate(context, node, known, pools, models)).collect()
}

pub(super) fn candidate(
    context: Context<'_>,
    node: &Node<String>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> Option<Candidate> {
    let text = node.get()?;
    let Some((model, pool)) = text.split_once('@') else {
        context.report.problem_with_help(
            node.at,
            format!("`{}` is not a candidate", shorten(text)),
            "write it as `model@pool`",
        );
        return None;
    };
    let model = known.models.find_text(context.report, node.at, model.trim());
    let pool = known.pools.find_text(context.report, node.at, pool.trim());
    let (model, pool) = (model?, pool?);
    let (terms, place) = (&models[model].as_ref()?.terms, &pools[pool]);
    if place.has_card && !models::fits(terms.requirements, &place.config) {
        let gpu = &place.config.gpu;
        context.report.problem_with_help(
            node.at,
            format!(
                "model `{}` needs {} and {} of one GPU, but those of pool `{}` have {} and {}",
                terms.name,
                terms.requirements.vram,
                terms.requirements.tflops,
                place.config.name,
                gpu.vram,
                gpu.tflops_16bit
            ),
            "choose a pool with larger GPUs for this model",
        );
    }
    Some(Candidate { model: ModelId(model as u32), pool: PoolId(pool as u32) })
}
