use std::collections::BTreeMap;

use connector::{
    BasisPoints, Duration, ModelId, Money, PoolId, PoolKind, PricingUnit, TenantId, Timestamp,
};
use platform::billing::{
    BillingConfig, BookError, Currency, Meter, Periods, PriceBook, Prices, Quantity, Rate, Scheme,
    Tariff, Tier, Version,
};

use super::{
    Context, Known, above_zero, at_most_all, items, names::NameTable, pools::Pool, read, time,
};
use crate::{
    document::{Node, NodeId},
    language::{
        self, Either, Entries, List, Optional, PriceBookSpec, PriceSpec, PriceTierSpec, RateSpec,
        ScenarioSpec, TiersSpec, UseQuantity,
    },
};

/// A month of nobody's calendar.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// Longer than all but the longest uses, whose records come when they end.
const GRACE: Duration = Duration::from_secs(300);

/// What tenants are charged.
pub(super) fn lower(
    context: Context<'_>,
    spec: &ScenarioSpec,
    known: &Known,
    pools: &[Pool],
) -> Option<BillingConfig> {
    let spec = read(&read(&spec.platform)?.price_book)?;
    let period = above_zero(context, spec.period.as_ref(), "a billing period", PERIOD);
    let prices = prices(context, spec, known, pools)?;
    for problem in prices.problems() {
        let at = place(&problem, spec, known).unwrap_or(spec.rates.at);
        context.report.problem(at, problem.to_string());
    }
    Some(BillingConfig {
        book: PriceBook::new(prices).ok()?,
        periods: Periods::every(period).ok()?,
        grace: time(spec.grace.as_ref(), GRACE),
    })
}

/// Where the cause of a problem is written.
fn place(problem: &BookError, spec: &PriceBookSpec, known: &Known) -> Option<NodeId> {
    if let BookError::Commitment { tenant, .. } = problem {
        let Entries(entries) = read(&spec.commitments)?;
        let of = |name: &Node<String>| known.tenants.position(name.get()?);
        return entries
            .iter()
            .find(|(name, _)| of(name) == Some(tenant.index()))
            .map(|(_, at)| at.at);
    }
    Some(items(Some(&spec.rates)).get(problem.rate()?)?.at)
}

/// `None` if a part of it was reported, so that what depends on all parts is not checked.
fn prices(
    context: Context<'_>,
    spec: &PriceBookSpec,
    known: &Known,
    pools: &[Pool],
) -> Option<Prices> {
    let currency = read(&spec.currency).map_or(Currency::USD, |currency| currency.0);
    let default = Prices::new(currency);
    let nodes = items(Some(&spec.rates));
    let rates: Vec<_> = nodes.iter().map(|node| rate(context, node.get()?, known)).collect();
    let discounts = discounts(context, spec, pools);
    let commitments = commitments(context, spec, known);
    let charged = spec.charged.as_ref();
    Some(Prices {
        currency,
        rates: rates.into_iter().collect::<Option<_>>()?,
        discounts,
        commitments,
        charged: charged.map_or(default.charged, |_| {
            items(charged).iter().filter_map(Node::copied).map(Into::into).collect()
        }),
    })
}

fn discounts(
    context: Context<'_>,
    spec: &PriceBookSpec,
    pools: &[Pool],
) -> BTreeMap<PoolId, BasisPoints> {
    let Some(node) = &spec.preemptible_discount else { return BTreeMap::new() };
    let stated = node.get().map_or(BasisPoints::ZERO, |stated| stated.0);
    let discount = at_most_all(context, node.at, stated, "prices", "be taken off");
    let pools = (0..).zip(pools);
    let preemptible = pools.filter(|(_, pool)| pool.config.kind == PoolKind::Preemptible);
    preemptible.map(|(index, _)| (PoolId(index), discount.min(BasisPoints::ONE))).collect()
}

fn commitments(
    context: Context<'_>,
    spec: &PriceBookSpec,
    known: &Known,
) -> BTreeMap<TenantId, Money> {
    let Some(Entries(entries)) = read(&spec.commitments) else { return BTreeMap::new() };
    let commitment = |(name, price): &(Node<String>, Node<language::Quantity<Money>>)| {
        let index = known.tenants.find(context.report, name)?;
        Some((TenantId(index as u32), price.get()?.0))
    };
    entries.iter().filter_map(commitment).collect()
}

fn rate(context: Context<'_>, spec: &RateSpec, known: &Known) -> Option<Rate> {
    let tenants = named(context, &spec.tenants, &known.tenants, TenantId);
    let models = named(context, &spec.models, &known.models, ModelId);
    let pools = named(context, &spec.pools, &known.pools, PoolId);
    let meter: Meter = spec.meter.copied()?.into();
    let versions = match spec.price.get()? {
        Either::Short(price) => Some(vec![Version::always(Tariff::flat(price.0))]),
        Either::Long(prices) => versions(context, prices, meter),
    };
    Some(Rate { meter, tenants: tenants?, models: models?, pools: pools?, versions: versions? })
}

/// All of them, or those that are named; `None` if one of them is unknown.
#[expect(
    clippy::ref_option,
    clippy::option_option,
    reason = "it is called on fields, which are options"
)]
fn named<T>(
    context: Context<'_>,
    node: &Optional<List<String>>,
    table: &NameTable,
    id: impl Fn(u32) -> T,
) -> Option<Option<Vec<T>>> {
    let Some(list) = node else { return Some(None) };
    if list.get().is_some_and(Vec::is_empty) {
        let help = "leave the key out for all of them";
        context.report.problem_with_help(list.at, "a rate for nothing", help);
    }
    let nodes = list.get()?.iter();
    let found: Vec<_> = nodes.map(|node| table.find(context.report, node)).collect();
    let ids: Option<Vec<T>> = found.into_iter().map(|index| Some(id(index? as u32))).collect();
    ids.map(Some)
}

fn versions(context: Context<'_>, nodes: &List<PriceSpec>, meter: Meter) -> Option<Vec<Version>> {
    let from = |node: &Node<PriceSpec>| {
        let time = node.get().and_then(|spec| Some(read(&spec.from)?.0.0)).unwrap_or_default();
        Timestamp::ZERO + time
    };
    let versions: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let spec = node.get()?;
            let stated = read(&spec.until).map(|until| Timestamp::ZERO + until.0.0);
            let until = stated.or_else(|| nodes.get(index + 1).map(from));
            Some(Version { from: from(node), until, tariff: tariff(context, spec, meter)? })
        })
        .collect();
    versions.into_iter().collect()
}

fn tariff(context: Context<'_>, spec: &PriceSpec, meter: Meter) -> Option<Tariff> {
    let steps = |node: &Optional<_>, default| steps(context, node, meter, Quantity(default));
    let (granularity, minimum, included) =
        (steps(&spec.granularity, 1), steps(&spec.minimum, 0), steps(&spec.included, 0));
    let tariff = match spec.each.get()? {
        Either::Short(price) => Tariff::flat(price.0),
        Either::Long(TiersSpec::Graduated(list)) => {
            Tariff::tiered(Scheme::Graduated, tiers(context, list, meter)?)
        }
        Either::Long(TiersSpec::Volume(list)) => {
            Tariff::tiered(Scheme::Volume, tiers(context, list, meter)?)
        }
    };
    Some(Tariff { granularity: granularity?, minimum: minimum?, included: included?, ..tariff })
}

fn tiers(context: Context<'_>, nodes: &List<PriceTierSpec>, meter: Meter) -> Option<Vec<Tier>> {
    let tier = |node: &Node<PriceTierSpec>| {
        let spec = node.get()?;
        let up_to = match &spec.up_to {
            Some(_) => Some(steps(context, &spec.up_to, meter, Quantity::ZERO)?),
            None => None,
        };
        let fee = read(&spec.fee).map_or(Money::ZERO, |fee| fee.0);
        Some(Tier { up_to, price: spec.each.get()?.0, fee })
    };
    let tiers: Vec<_> = nodes.iter().map(tier).collect();
    tiers.into_iter().collect()
}

/// A quantity in steps of the meter; one that is counted otherwise is reported.
#[expect(clippy::ref_option, reason = "it is called on fields, which are options")]
fn steps(
    context: Context<'_>,
    node: &Optional<language::Quantity<UseQuantity>>,
    meter: Meter,
    default: Quantity,
) -> Option<Quantity> {
    let Some(node) = node else { return Some(default) };
    let (stated, unit) = (node.get()?.0, meter.unit());
    let steps = match (unit, stated) {
        (PricingUnit::Piece | PricingUnit::Million, UseQuantity::Pieces(n)) => n.into(),
        (PricingUnit::Hour, UseQuantity::Time(time)) => time.as_nanos().into(),
        (PricingUnit::TflopsHour, UseQuantity::TflopsHours(n))
        | (PricingUnit::GibHour, UseQuantity::GibHours(n)) => u128::from(n) * unit.size(),
        (
            PricingUnit::Piece
            | PricingUnit::Million
            | PricingUnit::Hour
            | PricingUnit::TflopsHour
            | PricingUnit::GibHour,
            _,
        ) => {
            let example = match unit {
                PricingUnit::Piece | PricingUnit::Million => "1000000",
                PricingUnit::Hour => "100h",
                PricingUnit::TflopsHour => "500 TFLOPS-hours",
                PricingUnit::GibHour => "2000 GiB-hours",
            };
            let shown = context.report.document().describe(node.at);
            let message = format!("{shown} is no quantity of `{}`", meter.name());
            let help = format!("state something like `{example}`");
            context.report.problem_with_help(node.at, message, help);
            return None;
        }
    };
    Some(Quantity(steps))
}
