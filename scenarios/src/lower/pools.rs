use connector::{BasisPoints, Money, PoolKind};
use sim::{
    catalogue,
    config::{CapacityConfig, GpuSpec, Placement, PoolConfig, ServingConfig, SharingConfig},
};

use super::{
    Context, Known, autoscale, capacity, items, names::NameTable, preemption, prices, read,
    regions, serving, sharing,
};
use crate::{
    document::Node,
    language::{
        DialectSpec, Either, GpuSpecification, PlacementSpec, PoolKindSpec, PoolSpec, ScenarioSpec,
    },
    near,
    rate::Bandwidth,
    scenario::{Dialect, Endpoint},
};

/// Most shares of all pools together.
const MAX_SLOTS: u64 = 1_000_000;
/// Four GiB per second, what a local solid-state drive or a fast network file system gives.
const DEFAULT_WEIGHT_LOAD: f64 = 4.0 * 1_073_741_824.0;
/// PCI Express 4.0 with 16 lanes, one direction.
const DEFAULT_LINK: f64 = 32e9;

/// A pool as far as it could be read.
pub(super) struct Pool {
    pub(super) config: PoolConfig,
    pub(super) endpoint: Option<Endpoint>,
    /// Its card is what the scenario says; otherwise nothing can be said of what fits.
    pub(super) has_card: bool,
}

/// All pools, in order; a pool that could not be read keeps its place.
pub(super) fn lower(context: Context<'_>, spec: &ScenarioSpec, known: &Known) -> Vec<Pool> {
    let regions = regions::names(context, spec);
    let list = spec.provider.get().map(|provider| &provider.pools);
    if let Some(list) = list.filter(|list| list.get().is_some_and(Vec::is_empty)) {
        context.report.problem_with_help(list.at, "there are no pools", "add at least one");
    }
    let pools: Vec<Pool> =
        items(list).iter().map(|node| pool(context, node.get(), &regions, known)).collect();
    check_total(context, list.map(|list| list.at), &pools);
    pools
}

fn check_total(context: Context<'_>, at: Option<crate::document::NodeId>, pools: &[Pool]) {
    let slots = |pool: &Pool| u64::from(pool.config.count) * u64::from(pool.config.sharing_ratio);
    let total: u64 = pools.iter().map(slots).sum();
    if let Some(at) = at.filter(|_| total > MAX_SLOTS) {
        context.report.problem_with_help(
            at,
            format!(
                "the pools have {total} shares together, but at most {MAX_SLOTS} are simulated"
            ),
            "lower `count` or `sharing_ratio`",
        );
    }
}

fn pool(context: Context<'_>, spec: Option<&PoolSpec>, regions: &NameTable, known: &Known) -> Pool {
    let card = spec.and_then(|spec| gpu(context, &spec.gpu));
    let kind =
        spec.and_then(|spec| read(&spec.kind)).map_or(PoolKind::Standard, |&kind| kind.into());
    let has_card = card.is_some();
    let mut config = PoolConfig {
        name: String::new(),
        region: 0,
        kind,
        gpu: card.unwrap_or_else(no_card),
        count: 1,
        sharing_ratio: 1,
        price_per_slot_hour: Money::ZERO,
        price_changes: Vec::new(),
        placement: Placement::LeastLoaded,
        serving: ServingConfig::default(),
        weight_load_bandwidth: Some(DEFAULT_WEIGHT_LOAD),
        preemption: (kind == PoolKind::Preemptible).then(preemption::unsaid),
        sharing: SharingConfig::default(),
        guaranteed_share: BasisPoints::ZERO,
        vip: false,
        neighbours: Vec::new(),
        autoscale: None,
        capacity: CapacityConfig::default(),
    };
    let Some(spec) = spec else { return Pool { config, endpoint: None, has_card } };
    fill(context, spec, regions, &mut config);
    config.autoscale = autoscale::lower(context, spec, &config, known);
    Pool { config, endpoint: endpoint(context, spec), has_card }
}

fn fill(context: Context<'_>, spec: &PoolSpec, regions: &NameTable, config: &mut PoolConfig) {
    config.name = spec.name.get().cloned().unwrap_or_default();
    if let Some(region) = &spec.region {
        config.region = regions.find(context.report, region).unwrap_or_default();
    }
    if let Some(count) = spec.count.copied() {
        config.count = count.small();
    }
    if let Some(ratio) = read(&spec.sharing_ratio) {
        config.sharing_ratio = ratio.small();
    }
    prices::fill(context, spec, config);
    if let Some(&placement) = read(&spec.placement) {
        config.placement = placement.into();
    }
    if let Some(serving) = read(&spec.serving) {
        config.serving = serving::lower(context, serving, &config.gpu.name, Some(&spec.count));
        config.count = (config.count / config.serving.tensor_parallel).max(1);
    }
    if let Some(load) = read(&spec.weight_load_bandwidth) {
        config.weight_load_bandwidth = load.0.0.map(Bandwidth::bytes_per_second);
    }
    if let Some(rules) = read(&spec.preemption) {
        config.preemption = Some(preemption::lower(context, rules));
    }
    sharing::fill(context, spec, config);
    config.capacity = capacity::lower(context, spec, config.count);
}

/// The way out for a card that the catalogue does not have.
const DESCRIBE: &str = "describe another one as `{ name, vram, tflops_16bit, memory_bandwidth }`";

fn gpu(context: Context<'_>, node: &Node<Either<String, GpuSpecification>>) -> Option<GpuSpec> {
    match node.get()? {
        Either::Short(name) => {
            let card = catalogue::gpu(name);
            if card.is_none() {
                context.report.problem_with_help(
                    node.at,
                    format!("unknown GPU `{}`", crate::document::shorten(name)),
                    near::help_with(
                        name,
                        "GPUs of the catalogue",
                        catalogue::gpu_names(),
                        DESCRIBE,
                    ),
                );
            }
            card
        }
        Either::Long(sheet) => datasheet(context, sheet),
    }
}

fn datasheet(context: Context<'_>, sheet: &GpuSpecification) -> Option<GpuSpec> {
    let half = sheet.tflops_16bit.copied();
    if half.is_some_and(|rate| rate.0.as_gflops() == 0) {
        context.report.problem(sheet.tflops_16bit.at, "a GPU must have a compute rate above zero");
    }
    let byte = read(&sheet.tflops_8bit).copied();
    if let Some(node) =
        sheet.tflops_8bit.as_ref().filter(|_| byte.is_some_and(|rate| rate.0.as_gflops() == 0))
    {
        context.report.problem(node.at, "a GPU must have a compute rate above zero");
    }
    Some(GpuSpec {
        name: super::names::checked(context.report, &sheet.name)?,
        vram: sheet.vram.copied()?.0,
        tflops_16bit: half?.0,
        tflops_8bit: byte.or(half)?.0,
        memory_bandwidth: sheet.memory_bandwidth.copied()?.0.bytes_per_second(),
        link_bandwidth: read(&sheet.link_bandwidth)
            .map_or(DEFAULT_LINK, |link| link.0.bytes_per_second()),
    })
}

/// Stands in for a card that could not be read, in a scenario that will be refused.
fn no_card() -> GpuSpec {
    GpuSpec {
        name: String::new(),
        vram: connector::Mebibytes::ZERO,
        tflops_16bit: connector::Tflops::ZERO,
        tflops_8bit: connector::Tflops::ZERO,
        memory_bandwidth: 1.0,
        link_bandwidth: 1.0,
    }
}

fn endpoint(context: Context<'_>, spec: &PoolSpec) -> Option<Endpoint> {
    let dialect = read(&spec.dialect).copied().map(Dialect::from).unwrap_or_default();
    match (&spec.endpoint, &spec.dialect) {
        (Some(node), _) => Some(Endpoint { url: url(context, node)?, dialect }),
        (None, Some(said)) => {
            context.report.problem_with_help(
                said.at,
                "a dialect without an endpoint where it is spoken",
                "add `endpoint: http://host:port`, or leave `dialect` out",
            );
            None
        }
        (None, None) => None,
    }
}

fn url(context: Context<'_>, node: &Node<String>) -> Option<String> {
    let text = node.get()?;
    let valid = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !valid {
        context.report.problem_with_help(
            node.at,
            format!("`{}` is not the address of an endpoint", crate::document::shorten(text)),
            "write it as https://host or https://host:port/path",
        );
    }
    Some(text.clone())
}

impl From<PoolKindSpec> for PoolKind {
    fn from(spec: PoolKindSpec) -> Self {
        match spec {
            PoolKindSpec::Standard => Self::Standard,
            PoolKindSpec::Premium => Self::Premium,
            PoolKindSpec::Preemptible => Self::Preemptible,
            PoolKindSpec::Dedicated => Self::Dedicated,
            PoolKindSpec::Local => Self::Local,
        }
    }
}

impl From<DialectSpec> for Dialect {
    fn from(spec: DialectSpec) -> Self {
        match spec {
            DialectSpec::HarpoonV1 => Self::HarpoonV1,
            DialectSpec::CovenantV1 => Self::CovenantV1,
            DialectSpec::Openai => Self::OpenAi,
            DialectSpec::Gpuaas => Self::Gpuaas,
        }
    }
}

impl From<PlacementSpec> for Placement {
    fn from(spec: PlacementSpec) -> Self {
        match spec {
            PlacementSpec::LeastLoaded => Self::LeastLoaded,
            PlacementSpec::FirstFit => Self::FirstFit,
            PlacementSpec::RoundRobin => Self::RoundRobin,
            PlacementSpec::Random => Self::Random,
            PlacementSpec::PowerOfTwo => Self::PowerOfTwo,
            PlacementSpec::BestFit => Self::BestFit,
            PlacementSpec::WorstFit => Self::WorstFit,
            PlacementSpec::DotProduct => Self::DotProduct,
            PlacementSpec::GpuPacking => Self::GpuPacking,
            PlacementSpec::GpuClustering => Self::GpuClustering,
            PlacementSpec::Fgd => Self::FragmentationDescent,
        }
    }
}
