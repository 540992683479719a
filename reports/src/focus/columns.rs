//! The columns of the specification, in the order of their names.

use connector::{Money, Timestamp};
use platform::billing::{Band, LineKey};

use super::{
    FocusVersion,
    charge::{Charge, What},
};
use crate::billed::{Consumed, Standing, pricing_unit};

/// One column.
pub(super) struct Column {
    pub(super) name: &'static str,
    since: FocusVersion,
    pub(super) cell: fn(&Charge<'_>) -> Cell,
}

/// What is in a row of a column.
pub(super) enum Cell {
    Text(String),
    Number(String),
    Null,
}

/// Those that a version has.
pub(super) fn of(version: FocusVersion) -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(move |column| column.since <= version)
}

/// Who provides, publishes and invoices: the platform.
const PLATFORM: &str = "Harpoon";

/// What has no meaning here is there and empty: readers of 1.0 ask for every column by name.
const COLUMNS: [Column; 48] = [
    v1_0("BilledCost", |charge| number(&charge.cost)),
    v1_0("BillingAccountId", |charge| text(format!("tenant/{}", charge.tenant()))),
    v1_0("BillingAccountName", |charge| text(charge.tenant())),
    v1_0("BillingCurrency", |charge| text(charge.document.billed.currency().code())),
    v1_0("BillingPeriodEnd", |charge| date(charge, charge.billing_period().1)),
    v1_0("BillingPeriodStart", |charge| date(charge, charge.billing_period().0)),
    v1_0("ChargeCategory", |charge| text(charge.category())),
    v1_0("ChargeClass", charge_class),
    v1_0("ChargeDescription", |charge| text(charge.description())),
    v1_0("ChargeFrequency", charge_frequency),
    v1_0("ChargePeriodEnd", |charge| date(charge, charge.charge_period().1)),
    v1_0("ChargePeriodStart", |charge| date(charge, charge.charge_period().0)),
    v1_0("CommitmentDiscountCategory", null),
    v1_0("CommitmentDiscountId", null),
    v1_0("CommitmentDiscountName", null),
    v1_2("CommitmentDiscountQuantity", null),
    v1_0("CommitmentDiscountStatus", null),
    v1_0("CommitmentDiscountType", null),
    v1_2("CommitmentDiscountUnit", null),
    v1_0("ConsumedQuantity", consumed_quantity),
    v1_0("ConsumedUnit", consumed_unit),
    v1_0("ContractedCost", |charge| number(&charge.cost)),
    v1_0("ContractedUnitPrice", |charge| unit_price(charge.prices().map(|both| both.1))),
    v1_0("EffectiveCost", |charge| number(&charge.cost)),
    v1_2("InvoiceId", |charge| text(charge.document.number())),
    v1_0("InvoiceIssuerName", |_| text(PLATFORM)),
    v1_0("ListCost", |charge| number(&charge.list_cost)),
    v1_0("ListUnitPrice", |charge| unit_price(charge.prices().map(|both| both.0))),
    v1_0("PricingCategory", |charge| of_priced(charge, |_| "Standard".to_owned())),
    v1_0("PricingQuantity", pricing_quantity),
    v1_0("PricingUnit", pricing_unit_cell),
    v1_0("ProviderName", |_| text(PLATFORM)),
    v1_0("PublisherName", |_| text(PLATFORM)),
    v1_0("RegionId", region),
    v1_0("RegionName", region),
    v1_0("ResourceId", |charge| of_pool(charge, |pool| format!("pool/{pool}"))),
    v1_0("ResourceName", |charge| of_pool(charge, str::to_owned)),
    v1_0("ResourceType", |charge| of_pool(charge, |_| "GPU Pool".to_owned())),
    v1_0("ServiceCategory", |_| text("AI and Machine Learning")),
    v1_0("ServiceName", |_| text("LLM Inference")),
    v1_2("ServiceSubcategory", |_| text("Generative AI")),
    v1_0("SkuId", |charge| of_priced(charge, |key| sku(charge, key))),
    v1_2("SkuMeter", |charge| of_priced(charge, |key| key.meter.name().to_owned())),
    v1_2("SkuPriceDetails", sku_price_details),
    v1_0("SkuPriceId", sku_price),
    v1_0("SubAccountId", null),
    v1_0("SubAccountName", null),
    v1_0("Tags", null),
];

const fn v1_0(name: &'static str, cell: fn(&Charge<'_>) -> Cell) -> Column {
    Column { name, since: FocusVersion::V1_0, cell }
}

const fn v1_2(name: &'static str, cell: fn(&Charge<'_>) -> Cell) -> Column {
    Column { name, since: FocusVersion::V1_2, cell }
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn number(number: &impl ToString) -> Cell {
    Cell::Number(number.to_string())
}

fn null(_: &Charge<'_>) -> Cell {
    Cell::Null
}

fn date(charge: &Charge<'_>, at: Timestamp) -> Cell {
    text(charge.document.billed.date(at).to_string())
}

fn charge_class(charge: &Charge<'_>) -> Cell {
    match charge.standing {
        Standing::Stated => Cell::Null,
        Standing::Reversed | Standing::Restated => text("Correction"),
    }
}

fn charge_frequency(charge: &Charge<'_>) -> Cell {
    text(match charge.what {
        What::Usage { .. } => "Usage-Based",
        What::Fee { .. } | What::Rounding { .. } | What::Shortfall => "One-Time",
    })
}

fn consumed_quantity(charge: &Charge<'_>) -> Cell {
    match charge.what {
        What::Usage { consumed, .. } => number(&consumed),
        What::Fee { .. } | What::Rounding { .. } | What::Shortfall => Cell::Null,
    }
}

fn consumed_unit(charge: &Charge<'_>) -> Cell {
    match charge.what {
        What::Usage { part, .. } => text(Consumed::of(part.key.meter).unit),
        What::Fee { .. } | What::Rounding { .. } | What::Shortfall => Cell::Null,
    }
}

fn unit_price(price: Option<Money>) -> Cell {
    price.map_or(Cell::Null, |price| number(&price))
}

fn pricing_quantity(charge: &Charge<'_>) -> Cell {
    match charge.what {
        What::Usage { priced, .. } => number(&priced),
        What::Fee { count, .. } => number(&count),
        What::Rounding { .. } | What::Shortfall => Cell::Null,
    }
}

fn pricing_unit_cell(charge: &Charge<'_>) -> Cell {
    match charge.what {
        What::Usage { part, .. } => text(pricing_unit(part.key.meter)),
        What::Fee { .. } => text("Units"),
        What::Rounding { .. } | What::Shortfall => Cell::Null,
    }
}

fn region(charge: &Charge<'_>) -> Cell {
    let pool = charge.subject().map(|(_, pool, _)| pool.index());
    let region = pool.and_then(|pool| charge.document.billed.regions.get(pool));
    region.map_or(Cell::Null, text)
}

fn of_pool(charge: &Charge<'_>, tell: impl Fn(&str) -> String) -> Cell {
    let pool = charge.subject().map(|(_, pool, _)| charge.document.billed.pool(pool));
    pool.map_or(Cell::Null, |pool| text(tell(pool)))
}

/// What only rows with a price have.
fn of_priced(charge: &Charge<'_>, tell: impl Fn(LineKey) -> String) -> Cell {
    charge.price_key().map_or(Cell::Null, |key| text(tell(key)))
}

fn sku(charge: &Charge<'_>, key: LineKey) -> String {
    format!("{}/{}", charge.document.billed.model(key.model), key.meter.name())
}

/// Where in the price book the price stands: rate, price and tier, counted from 0 as its paths are.
fn sku_price(charge: &Charge<'_>) -> Cell {
    let fee = matches!(charge.what, What::Fee { .. });
    of_priced(charge, |key| {
        let band = match key.band {
            Band::Included => "included".to_owned(),
            Band::Tier(tier) => format!("tier{tier}"),
        };
        let fee = if fee { ".fee" } else { "" };
        format!("{}/rate{}.price{}.{band}{fee}", sku(charge, key), key.rate, key.version)
    })
}

fn sku_price_details(charge: &Charge<'_>) -> Cell {
    of_priced(charge, |key| {
        let tier = match key.band {
            Band::Included => "included".to_owned(),
            Band::Tier(tier) => tier.to_string(),
        };
        let model = charge.document.billed.model(key.model);
        serde_json::json!({ "x_Model": model, "x_Tier": tier }).to_string()
    })
}
