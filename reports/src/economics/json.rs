use platform::billing::{Margin, UnitCost};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeStruct},
};

use super::{EconomicsReport, MarginsReport, left, to_read};
use crate::Amount;

/// One row of unit costs.
#[derive(Serialize)]
struct Costs {
    requests: u64,
    tokens: u128,
    cost: Amount,
    cost_per_request: Option<f64>,
    cost_per_1m_tokens: Option<f64>,
    waste: Amount,
    waste_share: Option<f64>,
    waste_by_kind: ByKind,
}

/// Only the kinds that cost anything.
struct ByKind(Vec<(&'static str, Amount)>);

impl Serialize for ByKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl From<&UnitCost> for Costs {
    fn from(costs: &UnitCost) -> Self {
        let by_kind = costs.wasted().map(|(kind, cost)| (kind.name(), Amount(to_read(cost))));
        Self {
            requests: costs.requests,
            tokens: costs.tokens,
            cost: Amount(to_read(costs.cost)),
            cost_per_request: costs.per_request(),
            cost_per_1m_tokens: costs.per_million_tokens(),
            waste: Amount(to_read(costs.waste)),
            waste_share: costs.waste_share(),
            waste_by_kind: ByKind(by_kind.collect()),
        }
    }
}

/// One row of margins.
#[derive(Serialize)]
struct Earned {
    revenue: Amount,
    cost: Amount,
    margin: Amount,
}

impl From<&Margin> for Earned {
    fn from(margin: &Margin) -> Self {
        Self {
            revenue: Amount(to_read(margin.revenue)),
            cost: Amount(to_read(margin.cost)),
            margin: Amount(to_read(left(margin))),
        }
    }
}

/// A row with the name of what it is of.
#[derive(Serialize)]
struct Named<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(flatten)]
    row: T,
}

fn named<T>(name: &str, row: T) -> Named<'_, T> {
    Named { name: Some(name), model: None, pool: None, row }
}

impl Serialize for EconomicsReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { unit_costs, margins, names } = self;
        let models = unit_costs.models.iter();
        let models = models.map(|(id, row)| named(&names.models[id.index()], Costs::from(row)));
        let pools = unit_costs.pools.iter();
        let pools = pools.map(|(id, row)| named(&names.pools[id.index()], Costs::from(row)));
        let both = unit_costs.models_in_pools.iter().map(|((model, pool), row)| Named {
            name: None,
            model: Some(names.models[model.index()].as_str()),
            pool: Some(names.pools[pool.index()].as_str()),
            row: Costs::from(row),
        });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("whole", &Costs::from(&unit_costs.whole))?;
        map.serialize_entry("models", &models.collect::<Vec<_>>())?;
        map.serialize_entry("pools", &pools.collect::<Vec<_>>())?;
        map.serialize_entry("models_in_pools", &both.collect::<Vec<_>>())?;
        if let Some(margins) = margins {
            map.serialize_entry("margins", &WithNames { margins, names })?;
        }
        map.end()
    }
}

struct WithNames<'a> {
    margins: &'a MarginsReport,
    names: &'a connector::Names,
}

impl Serialize for WithNames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { margins: MarginsReport { currency, whole, margins, unrated_records }, names } =
            self;
        let tenants = margins.tenants.iter();
        let tenants = tenants.map(|(id, row)| named(&names.tenants[id.index()], Earned::from(row)));
        let models = margins.models.iter();
        let models = models.map(|(id, row)| named(&names.models[id.index()], Earned::from(row)));
        let pools = margins.pools.iter();
        let pools = pools.map(|(id, row)| named(&names.pools[id.index()], Earned::from(row)));
        let mut fields = serializer.serialize_struct("Margins", 7)?;
        fields.serialize_field("currency", currency.code())?;
        fields.serialize_field("whole", &Earned::from(whole))?;
        fields.serialize_field("idle_cost", &Amount(to_read(margins.idle)))?;
        fields.serialize_field("unrated_records", unrated_records)?;
        fields.serialize_field("tenants", &tenants.collect::<Vec<_>>())?;
        fields.serialize_field("models", &models.collect::<Vec<_>>())?;
        fields.serialize_field("pools", &pools.collect::<Vec<_>>())?;
        fields.end()
    }
}
