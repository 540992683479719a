//! The provider's billing summary of one team, as HostedAI answers it.
//!
//! # Problem
//!
//! `GET /team-billing/summary/{team}/{start}/{end}` is read by two public clients, and every one of its
//! fields may be missing. Sums are numbers or text, text may have separators of thousands, and a failure
//! is an answer of 200 like any other. Clients that read whatever is not there as zero took outages for
//! months without cost.
//!
//! # Mechanism
//!
//! Nothing is read as zero that was not stated: an answer without any figure is an error, not a bill of
//! nothing; a sum that is missing is `None`. Text is read digit by digit; a number has gone through a
//! float already and is read to nine decimals. What the parts leave of the total is told
//! ([`BillingSummary::beside_parts`]), because the same charge may stand in one answer and not in the
//! next.
//!
//! # Edges
//!
//! An hour of the statement may be zero although a share was held: where the price is zero the summary
//! reports no hours. A summary says nothing about single shares: it can be laid beside our books by pool
//! only.
//!
//! # Source
//!
//! The notes on HostedAI's API, section 9 (shape), 13.4 B1 (separators), 14 no. 32, 35, 37, 39, 40.

use connector::Money;
use serde::{Deserialize, Serialize};

/// What a team is charged over a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingSummary {
    /// ISO code of the currency, if stated.
    pub currency: Option<String>,
    /// Everything, if stated.
    pub total: Option<Money>,
    /// A fixed sum per month, if stated.
    pub base: Option<Money>,
    /// Pools, in the order stated.
    pub pools: Vec<PoolCharge>,
    /// Shared storage and instances: what has no pool.
    pub others: Vec<OtherCharge>,
}

/// What a pool comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolCharge {
    /// Its name, or its label; `None` if neither is stated.
    pub name: Option<String>,
    /// Shares x time in slot-nanoseconds, if stated.
    pub slot_ns: Option<u128>,
    /// The sum, if stated.
    pub charge: Option<Money>,
    /// Price of an hour's subscription, if stated.
    pub rate: Option<Money>,
}

/// What something beside the pools comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCharge {
    /// Its name, if stated.
    pub name: Option<String>,
    /// The sum, if stated.
    pub charge: Option<Money>,
}

/// Why an answer is no summary.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// Not JSON of this shape.
    #[error("the billing summary cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The provider says that it failed, mostly with status 200: by its result, or by a reason in
    /// the place of figures.
    #[error("the provider has no billing summary: {0}")]
    Failed(String),
    /// It states no figure at all. That is an outage or a wrong period, not a bill of nothing.
    #[error("the billing summary states no figure")]
    Empty,
    /// A figure that is none.
    #[error("`{field}` of the billing summary is `{value}`, which is no amount")]
    Figure {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
    },
}

impl BillingSummary {
    /// Reads an answer.
    ///
    /// # Errors
    /// See [`SummaryError`].
    pub fn parse(body: &str) -> Result<Self, SummaryError> {
        let wire: Wire = serde_json::from_str(body)?;
        let said =
            [wire.errors, wire.message, wire.error].into_iter().flatten().find(says_anything);
        let why = said.map(|said| said.to_string());
        if wire.result.as_deref().is_some_and(|result| !result.eq_ignore_ascii_case("success")) {
            return Err(SummaryError::Failed(why.unwrap_or_else(|| "no reason given".to_owned())));
        }
        let storage = wire.shared_storage_billing_summary.into_iter().flatten();
        let instances = wire.instance_billing_summary.into_iter().flatten();
        let others = storage.chain(instances).map(WireOther::read);
        let pools = wire.gpuaas_summary.into_iter().flatten().map(WirePool::read);
        let summary = Self {
            currency: wire.currency.and_then(|currency| currency.code),
            total: amount("total_cost", wire.total_cost)?,
            base: amount("monthly_base_cost", wire.monthly_base_cost)?,
            pools: pools.collect::<Result<_, _>>()?,
            others: others.collect::<Result<_, _>>()?,
        };
        let is_empty = summary.total.is_none()
            && summary.base.is_none()
            && summary.pools.is_empty()
            && summary.others.is_empty();
        match why {
            Some(why) if is_empty => Err(SummaryError::Failed(why)),
            None if is_empty => Err(SummaryError::Empty),
            Some(_) | None => Ok(summary),
        }
    }

    /// What the total has beside its parts; `None` if there is no total.
    pub fn beside_parts(&self) -> Option<Money> {
        let pools = self.pools.iter().filter_map(|pool| pool.charge);
        let others = self.others.iter().filter_map(|other| other.charge);
        let parts: Money = pools.chain(others).chain(self.base).sum();
        Some(self.total? - parts)
    }
}

/// An empty list of errors gives no reason.
fn says_anything(said: &serde_json::Value) -> bool {
    said.as_array().is_none_or(|errors| !errors.is_empty())
}

/// A sum as the wire has it: text or a number, sometimes both in one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// Digits, perhaps with separators of thousands.
    Text(String),
    /// What has gone through a float already.
    Number(f64),
}

#[derive(Debug, Deserialize)]
struct Wire {
    result: Option<String>,
    errors: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
    total_cost: Option<Figure>,
    monthly_base_cost: Option<Figure>,
    gpuaas_summary: Option<Vec<WirePool>>,
    shared_storage_billing_summary: Option<Vec<WireOther>>,
    instance_billing_summary: Option<Vec<WireOther>>,
    currency: Option<WireCurrency>,
}

#[derive(Debug, Deserialize)]
struct WireCurrency {
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WirePool {
    pool_name: Option<String>,
    pool_label: Option<String>,
    pool_hours: Option<Figure>,
    total: Option<Figure>,
    subscription_rate: Option<Figure>,
}

impl WirePool {
    fn read(self) -> Result<PoolCharge, SummaryError> {
        /// A thousand-millionth of an hour.
        const NANO_HOUR_NS: u128 = 3_600;
        let hours = amount("pool_hours", self.pool_hours)?;
        let slot_ns = hours.map(|hours| match u128::try_from(hours.as_nanos()) {
            Ok(nano_hours) => Ok(nano_hours * NANO_HOUR_NS),
            Err(_) => Err(SummaryError::Figure { field: "pool_hours", value: hours.to_string() }),
        });
        Ok(PoolCharge {
            name: self.pool_name.or(self.pool_label),
            slot_ns: slot_ns.transpose()?,
            charge: amount("total", self.total)?,
            rate: amount("subscription_rate", self.subscription_rate)?,
        })
    }
}

#[derive(Debug, Deserialize)]
struct WireOther {
    #[serde(alias = "storage_name")]
    instance_name: Option<String>,
    cost: Option<Figure>,
}

impl WireOther {
    fn read(self) -> Result<OtherCharge, SummaryError> {
        Ok(OtherCharge { name: self.instance_name, charge: amount("cost", self.cost)? })
    }
}

/// The sum that is stated.
///
/// # Errors
/// `Figure` for what is no amount.
pub(crate) fn amount(
    field: &'static str,
    figure: Option<Figure>,
) -> Result<Option<Money>, SummaryError> {
    let Some(figure) = figure else { return Ok(None) };
    let text = match figure {
        Figure::Text(text) => text.trim().replace(',', ""),
        Figure::Number(number) => format!("{number:.9}"),
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    match digits.parse::<Money>() {
        Ok(money) => Ok(Some(if negative { -money } else { money })),
        Err(_) => Err(SummaryError::Figure { field, value: text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().expect("an amount")
    }

    #[test]
    fn sums_are_read_to_the_digit_whether_text_or_number() {
        let summary = BillingSummary::parse(
            r#"{"total_cost": "1,234.50", "total_hours": 3, "currency": {"code": "EUR"},
                "gpuaas_summary": [
                  {"pool_name": "rtx", "pool_hours": 2.5, "total": 0.3, "subscription_rate": "0.12"},
                  {"pool_label": "b200", "total": "1200"}],
                "shared_storage_billing_summary": [{"storage_name": "disk", "cost": 34.2, "hours": 1}]}"#,
        )
        .expect("a summary");
        assert_eq!(
            (summary.currency.as_deref(), summary.total),
            (Some("EUR"), Some(money("1234.50")))
        );
        let [rtx, b200] = &summary.pools[..] else { panic!("{summary:?}") };
        assert_eq!((rtx.slot_ns, rtx.charge), (Some(9_000_000_000_000), Some(money("0.3"))));
        assert_eq!((rtx.rate, b200.name.as_deref()), (Some(money("0.12")), Some("b200")));
        assert_eq!((b200.slot_ns, b200.rate), (None, None), "nothing is made up");
        assert_eq!(summary.beside_parts(), Some(money("0")));
    }

    #[test]
    fn a_failure_with_status_200_is_one() {
        let told = BillingSummary::parse(r#"{"result": "FAILURE", "errors": ["no such team"]}"#);
        let told = told.expect_err("a failure").to_string();
        assert_eq!(told, r#"the provider has no billing summary: ["no such team"]"#);
    }

    #[test]
    fn an_answer_without_figures_is_no_bill_of_nothing() {
        for body in ["{}", r#"{"total_hours": 0}"#, r#"{"gpuaas_summary": []}"#] {
            assert!(matches!(BillingSummary::parse(body), Err(SummaryError::Empty)), "{body}");
        }
        let zero = BillingSummary::parse(r#"{"total_cost": 0}"#).expect("stated");
        assert_eq!(zero.total, Some(Money::ZERO));
    }

    #[test]
    fn what_is_no_amount_is_named() {
        let told = BillingSummary::parse(r#"{"total_cost": "12 EUR"}"#).expect_err("no amount");
        let expected = "`total_cost` of the billing summary is `12 EUR`, which is no amount";
        assert_eq!(told.to_string(), expected);
        let negative = r#"{"gpuaas_summary": [{"pool_hours": -1}]}"#;
        let told = BillingSummary::parse(negative).expect_err("no time");
        let expected = "`pool_hours` of the billing summary is `-1.00`, which is no amount";
        assert_eq!(told.to_string(), expected);
        assert!(BillingSummary::parse("not json").is_err());
    }

    #[test]
    fn what_the_total_has_beside_its_parts_is_told() {
        let body = r#"{"total_cost": 10, "monthly_base_cost": "-1", "instance_billing_summary": [{"cost": "4.5"}]}"#;
        let summary = BillingSummary::parse(body).expect("a summary");
        assert_eq!(summary.beside_parts(), Some(money("6.5")));
    }
}
