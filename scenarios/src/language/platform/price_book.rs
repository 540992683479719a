use std::str::FromStr;

use connector::{BasisPoints, Duration, Money};
use platform::billing::{Currency, Meter, UseKind};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    document::Node,
    language::{Either, Entries, List, Notation, Optional, Quantity, Time},
};

/// What tenants are charged. Meters without a rate are free.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceBookSpec {
    /// Code of the currency by ISO 4217. Default: USD.
    pub(crate) currency: Optional<Quantity<Currency>>,
    /// Length of a billing period; the first begins with the run. Default: 30 days.
    pub(crate) period: Optional<Time>,
    /// How long after its end a period stays open for records that are late; then its invoices are
    /// drawn. Default: 5 minutes.
    pub(crate) grace: Optional<Time>,
    /// The rates. Of those that fit a use the first counts, so exceptions come first.
    pub(crate) rates: Node<List<RateSpec>>,
    /// How much cheaper everything is in pools of kind `preemptible`. Default: 0%.
    pub(crate) preemptible_discount: Optional<Quantity<BasisPoints>>,
    /// By name of a tenant, what it pays for each period at least, in whole coins. Default: nothing.
    pub(crate) commitments: Optional<Entries<Quantity<Money>>>,
    /// The uses that tenants pay for. Default: `[delivered, disconnected]`.
    pub(crate) charged: Optional<List<UseSpec>>,
}

/// The price of one meter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateSpec {
    /// What is priced.
    pub(crate) meter: Node<MeterSpec>,
    /// For 1 million tokens, a request, an hour of a share, a TFLOPS for an hour, a GiB for an hour; or
    /// prices one after the other.
    pub(crate) price: Node<Either<Quantity<Money>, List<PriceSpec>>>,
    /// Names of the tenants that pay it. Default: all.
    pub(crate) tenants: Optional<List<String>>,
    /// Names of the models it is for. Default: all.
    pub(crate) models: Optional<List<String>>,
    /// Names of the pools it is for. Default: all.
    pub(crate) pools: Optional<List<String>>,
}

/// A price and when it holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceSpec {
    /// From when on, since the start of the run. Default: 0s.
    pub(crate) from: Optional<Time>,
    /// Until when; a time between two prices must not be left out. Default: until the next.
    pub(crate) until: Optional<Time>,
    /// For each unit: one price, or tiers.
    pub(crate) each: Node<Either<Quantity<Money>, TiersSpec>>,
    /// What is free in each period. Default: nothing.
    pub(crate) included: Optional<Quantity<UseQuantity>>,
    /// What a record that used anything is charged for at least. Default: nothing.
    pub(crate) minimum: Optional<Quantity<UseQuantity>>,
    /// A record is charged for a whole number of it. Default: the finest there is.
    pub(crate) granularity: Optional<Quantity<UseQuantity>>,
}

/// How tiers are meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TiersSpec {
    /// Each unit costs what its own tier says.
    Graduated(List<PriceTierSpec>),
    /// All units cost what the tier of the last one says.
    Volume(List<PriceTierSpec>),
}

/// A range of quantities with one price.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceTierSpec {
    /// The last quantity that is in it, counted from what is included. The last tier has none.
    pub(crate) up_to: Optional<Quantity<UseQuantity>>,
    /// For each unit.
    pub(crate) each: Node<Quantity<Money>>,
    /// Once in a period, when the first of its units is used. Default: 0.
    pub(crate) fee: Optional<Quantity<Money>>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeterSpec {
    /// Prompt tokens that had to be computed, per million.
    InputTokens,
    /// Prompt tokens that a cache held, per million.
    CachedTokens,
    /// Tokens of answers, per million.
    OutputTokens,
    /// Requests.
    Requests,
    /// Shares held, per hour.
    SlotTime,
    /// Promised compute, per TFLOPS and hour.
    Compute,
    /// Promised memory, per GiB and hour.
    Memory,
    /// Time in lines, per hour.
    QueueTime,
    /// Time until shares were ready, per hour.
    ColdStartTime,
}

impl From<MeterSpec> for Meter {
    fn from(spec: MeterSpec) -> Self {
        match spec {
            MeterSpec::InputTokens => Self::InputTokens,
            MeterSpec::CachedTokens => Self::CachedTokens,
            MeterSpec::OutputTokens => Self::OutputTokens,
            MeterSpec::Requests => Self::Requests,
            MeterSpec::SlotTime => Self::SlotTime,
            MeterSpec::Compute => Self::Compute,
            MeterSpec::Memory => Self::Memory,
            MeterSpec::QueueTime => Self::QueueTime,
            MeterSpec::ColdStartTime => Self::ColdStartTime,
        }
    }
}

/// What came of a piece of work.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UseSpec {
    /// The tenant got the answer.
    Delivered,
    /// The client went away.
    Disconnected,
    /// The provider took the share away.
    Preempted,
    /// The other of two strikes was faster.
    Hedged,
    /// It failed.
    Retried,
    /// A share that the platform did not know of.
    Ghost,
    /// A share held warm for nobody.
    Idle,
}

impl From<UseSpec> for UseKind {
    fn from(spec: UseSpec) -> Self {
        match spec {
            UseSpec::Delivered => Self::Delivered,
            UseSpec::Disconnected => Self::Disconnected,
            UseSpec::Preempted => Self::Preempted,
            UseSpec::Hedged => Self::Hedged,
            UseSpec::Retried => Self::Retried,
            UseSpec::Ghost => Self::Ghost,
            UseSpec::Idle => Self::Idle,
        }
    }
}

/// So much of a meter, in the way that it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseQuantity {
    Pieces(u64),
    Time(Duration),
    TflopsHours(u64),
    GibHours(u64),
}

impl Notation for UseQuantity {
    const TITLE: &'static str = "UseQuantity";
    const EXAMPLES: &'static [&'static str] =
        &["1000000", "100h", "500 TFLOPS-hours", "2000 GiB-hours"];
}

impl FromStr for UseQuantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const MOST: u64 = 1_000_000_000_000_000;
        let number = |digits: &str| digits.trim_end().replace('_', "").parse().ok();
        let hours = |unit| text.strip_suffix(unit).and_then(number);
        let read = if let Some(hours) = hours("TFLOPS-hours") {
            Some(Self::TflopsHours(hours))
        } else if let Some(hours) = hours("GiB-hours") {
            Some(Self::GibHours(hours))
        } else {
            number(text).map(Self::Pieces).or_else(|| text.parse().ok().map(Self::Time))
        };
        let fits = |quantity: &Self| match *quantity {
            Self::Pieces(n) | Self::TflopsHours(n) | Self::GibHours(n) => n <= MOST,
            Self::Time(_) => true,
        };
        read.filter(fits).ok_or_else(|| {
            let shown = crate::document::shorten(text);
            format!(
                "`{shown}` is no quantity: expected something like `1000000`, `100h`, `500 TFLOPS-hours` or `2000 GiB-hours`"
            )
        })
    }
}
