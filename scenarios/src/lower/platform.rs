mod admission;
mod breaker;
mod classifier;
mod cooldown;
pub(super) mod covenant;
mod ejection;
mod hedging;
mod leases;
mod limit;
pub(super) mod metering;
mod retry;
mod route;
mod timeouts;

use connector::{BasisPoints, Duration, ModelId, PoolId, Priority, Tokens};
use platform::{
    PlatformConfig,
    config::{
        BreakerConfig, CableConfig, ClassConfig, Discipline, FallbackConfig, Pace, QuotaConfig,
        TenantConfig, Timeouts,
    },
};

use super::{Context, Known, items, models::Model, pools::Pool, read};
use crate::{
    document::{Node, shorten},
    language::{
        CableSpec, CablesSpec, ClassSpec, Entries, FallbackSpec, PlatformSpec, ScenarioSpec,
    },
};

/// Rank of a tenant that states none: the middle.
const DEFAULT_PRIORITY: u8 = 5;
const DEFAULT_QUEUE: u32 = 1_000;
/// Longest prompt and answer of a class that states none.
const ANY: Tokens = Tokens::new(u32::MAX);

/// What stands between tenants and pools.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ScenarioSpec,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> Option<PlatformConfig> {
    let platform = read(&spec.platform);
    let classes = classes(context, platform, known);
    let classifier = classifier::lower(context, platform, classes, known, pools, models);
    let router = route::lower(context, platform, known, pools, models);
    let timeouts = timeouts::lower(context, platform.and_then(|spec| read(&spec.timeouts)));
    let leases = platform.and_then(|spec| read(&spec.leases));
    let leases = leases::lower(context, leases, known, pools, models);
    let cables = cables(context, platform, known, pools, models, &timeouts);
    let retry = retry::lower(context, platform.and_then(|spec| read(&spec.retry)));
    let terms = models.iter().map(|model| Some(model.as_ref()?.terms.clone()));
    let tiers = covenant::tiers(context, platform, known);
    Some(PlatformConfig {
        models: terms.collect::<Option<_>>()?,
        cables,
        tenants: tenants(context, spec, known, &tiers),
        admission: admission::admission(
            context,
            platform.and_then(|spec| read(&spec.admission)),
            known,
            &tiers,
        ),
        tiers: tiers.configs,
        classifier,
        router,
        retry,
        timeouts,
        cooldown: cooldown::lower(platform.and_then(|spec| read(&spec.cooldown))),
        fallback: fallback(platform.and_then(|spec| read(&spec.fallback))),
        hedging: platform.and_then(|spec| read(&spec.hedging)).map(hedging::lower),
        ejection: platform
            .and_then(|spec| read(&spec.ejection))
            .map(|spec| ejection::lower(context, spec)),
        overcommit: platform.and_then(|spec| read(&spec.overcommit)).copied().unwrap_or(true),
        leases,
        seed: 0,
    })
}

/// The tenants of the scenario, then those that its traffic brings along.
fn tenants(
    context: Context<'_>,
    spec: &ScenarioSpec,
    known: &Known,
    tiers: &covenant::Tiers,
) -> Vec<TenantConfig> {
    let stated = items(spec.tenants.as_ref());
    let spec_of = |index: usize| stated.get(index).and_then(Node::get);
    let priority = |index: usize| {
        let rank = spec_of(index).and_then(|tenant| read(&tenant.priority));
        rank.map_or(DEFAULT_PRIORITY, |rank| rank.small() as u8)
    };
    known
        .tenants
        .names()
        .enumerate()
        .map(|(index, name)| TenantConfig {
            name: name.to_owned(),
            priority: Priority::new(priority(index)).unwrap_or(Priority::MAX),
            weight: spec_of(index).and_then(|tenant| Some(read(&tenant.weight)?.small())),
            quota: spec_of(index)
                .map_or_else(QuotaConfig::default, |tenant| admission::quota(&tenant.quota)),
            tier: spec_of(index).and_then(|tenant| tiers.of(context, tenant)),
            terms: spec_of(index).map_or_else(Default::default, |tenant| {
                covenant::terms(context, &tenant.covenant, known)
            }),
        })
        .collect()
}

fn classes(context: Context<'_>, spec: Option<&PlatformSpec>, known: &Known) -> Vec<ClassConfig> {
    let Some(list) = spec.and_then(|spec| spec.classes.as_ref()) else {
        return vec![ClassConfig {
            name: "all".to_owned(),
            max_prompt_tokens: ANY,
            max_output_tokens: ANY,
            models: (0..known.models.len()).map(|index| ModelId(index as u32)).collect(),
        }];
    };
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem_with_help(
            list.at,
            "there are no classes",
            "leave the key out for one class served by all models",
        );
    }
    let classes: Vec<ClassConfig> =
        items(Some(list)).iter().filter_map(|node| class(context, node.get()?, known)).collect();
    if classes.len() == items(Some(list)).len() {
        check_bounds(context, items(Some(list)), &classes);
    }
    classes
}

fn class(context: Context<'_>, spec: &ClassSpec, known: &Known) -> Option<ClassConfig> {
    if spec.models.get().is_some_and(Vec::is_empty) {
        let name = spec.name.get().map_or("", String::as_str);
        let message = format!("class `{}` is served by no model", shorten(name));
        context.report.problem_with_help(spec.models.at, message, "name at least one");
    }
    let models = items(Some(&spec.models)).iter();
    let models: Vec<_> = models.map(|node| known.models.find(context.report, node)).collect();
    Some(ClassConfig {
        name: spec.name.get()?.clone(),
        max_prompt_tokens: read(&spec.max_prompt_tokens).map_or(ANY, |n| Tokens::new(n.small())),
        max_output_tokens: read(&spec.max_output_tokens).map_or(ANY, |n| Tokens::new(n.small())),
        models: models
            .into_iter()
            .map(|found| found.map(|index| ModelId(index as u32)))
            .collect::<Option<_>>()?,
    })
}

/// Requests go to the first class that takes them, so a class within the bounds of an earlier one
/// never gets any. The last class takes everything, whatever its bounds.
fn check_bounds(context: Context<'_>, nodes: &[Node<ClassSpec>], classes: &[ClassConfig]) {
    let last = classes.len().saturating_sub(1);
    for (index, class) in classes.iter().enumerate() {
        let bounds = |class: &ClassConfig| (class.max_prompt_tokens, class.max_output_tokens);
        let (prompt, output) = if index == last { (ANY, ANY) } else { bounds(class) };
        let before = classes[..index].iter().find(|earlier| {
            let (earlier_prompt, earlier_output) = bounds(earlier);
            prompt <= earlier_prompt && output <= earlier_output
        });
        if let Some(before) = before {
            context.report.problem_with_help(
                nodes[index].at,
                format!(
                    "class `{}` gets no request: class `{}` before it takes all of them",
                    class.name, before.name
                ),
                "order classes from the simplest to the most complex, with growing bounds",
            );
        }
    }
}

/// A pool that is not asked for a minute is of no use to requests that have a second: an open breaker
/// waits no longer than a request has, so that what was down is in use again soon after it is up.
fn usual_breaker(timeouts: &Timeouts) -> BreakerConfig {
    let usual = BreakerConfig::default();
    let total = timeouts.total.filter(|total| !total.is_zero());
    BreakerConfig { recovery: usual.recovery.min(total.unwrap_or(Duration::MAX)), ..usual }
}

fn cables(
    context: Context<'_>,
    spec: Option<&PlatformSpec>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
    timeouts: &Timeouts,
) -> Vec<CableConfig> {
    let all = spec.and_then(|spec| read(&spec.cables));
    let breaker = spec.and_then(|spec| read(&spec.breaker));
    let breaker = self::breaker::lower(context, breaker, usual_breaker(timeouts));
    let limit = all.and_then(|all| read(&all.limit)).and_then(|spec| limit::lower(context, spec));
    let mut cables: Vec<CableConfig> = pools
        .iter()
        .enumerate()
        .map(|(index, pool)| CableConfig {
            discipline: admission::discipline(
                context,
                all.and_then(|all| all.line.as_ref()),
                Discipline::default(),
            ),
            limit,
            codel: all
                .and_then(|all| read(&all.codel))
                .map(|codel| admission::codel(context, codel)),
            ..cable(PoolId(index as u32), pool, models, all, breaker)
        })
        .collect();
    let differing = all.and_then(|all| read(&all.pools));
    for (name, node) in differing.map_or(&[][..], |Entries(entries)| entries) {
        let found = known.pools.find(context.report, name);
        if let (Some(index), Some(spec)) = (found, node.get()) {
            adjust(context, spec, &mut cables[index]);
        }
    }
    cables
}

fn cable(
    id: PoolId,
    Pool { config, .. }: &Pool,
    models: &[Option<Model>],
    all: Option<&CablesSpec>,
    breaker: BreakerConfig,
) -> CableConfig {
    let pace = |model: &Option<Model>| {
        let pace = sim::pace(&model.as_ref()?.config, config);
        Some(Pace {
            per_prompt_token: pace.per_prompt_token,
            per_output_token: pace.per_output_token,
        })
    };
    let slots = config.count * config.sharing_ratio;
    CableConfig {
        pool: id,
        name: config.name.clone(),
        kind: config.kind,
        price_per_slot_hour: config.price_per_slot_hour,
        card_vram: config.vram(),
        card_tflops: config.tflops(),
        paces: models.iter().map(|model| pace(model).unwrap_or_default()).collect(),
        max_in_flight: all.and_then(|all| read(&all.max_in_flight)).map_or(Some(slots), |n| n.0.0),
        queue: all.and_then(|all| read(&all.queue)).map_or(DEFAULT_QUEUE, |n| n.small()),
        discipline: Discipline::default(),
        codel: None,
        breaker,
        limit: None,
    }
}

fn adjust(context: Context<'_>, spec: &CableSpec, cable: &mut CableConfig) {
    if let Some(limit) = read(&spec.max_in_flight) {
        cable.max_in_flight = limit.0.0;
    }
    if let Some(queue) = read(&spec.queue) {
        cable.queue = queue.small();
    }
    if let Some(limit) = read(&spec.limit) {
        cable.limit = limit::lower(context, limit);
    }
    if let Some(codel) = read(&spec.codel) {
        cable.codel = Some(admission::codel(context, codel));
    }
    cable.discipline = admission::discipline(context, spec.line.as_ref(), cable.discipline);
    cable.breaker = breaker::lower(context, read(&spec.breaker), cable.breaker);
}

fn fallback(spec: Option<&FallbackSpec>) -> FallbackConfig {
    let default = FallbackConfig::default();
    let ceiling = |spec: &FallbackSpec| -> BasisPoints {
        read(&spec.cost_ceiling).map_or(default.cost_ceiling, |ratio| ratio.0)
    };
    FallbackConfig {
        enabled: spec.and_then(|spec| read(&spec.enabled)).copied().unwrap_or(default.enabled),
        cost_ceiling: spec.map_or(default.cost_ceiling, ceiling),
    }
}
