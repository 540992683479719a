//! Regions, pools and what they cost.

use connector::Money;
use serde::{Deserialize, Serialize};

use super::WireId;
use crate::billing_summary::{Figure, SummaryError, amount};

/// Row of `GET /gpuaas/all-pools`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRow {
    /// Which pool.
    pub pool_id: WireId,
    /// Its name with its owner.
    #[serde(default)]
    pub pool_name: Option<String>,
    /// Its display name, if it was obtained through the marketplace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_label: Option<String>,
    /// Its name, in other answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its cluster.
    #[serde(default)]
    pub gpuaas_id: Option<WireId>,
    /// Its region.
    #[serde(default)]
    pub region_id: Option<WireId>,
    /// Its region's name.
    #[serde(default)]
    pub region_name: Option<String>,
}

impl PoolRow {
    /// Whether one of its names is this one (pathology 16).
    pub fn is_called(&self, name: &str) -> bool {
        let names = [&self.pool_label, &self.pool_name, &self.name];
        names.into_iter().flatten().any(|own| own == name)
    }
}

/// Row of `GET /gpuaas/available-regions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionRow {
    /// Which region.
    pub id: WireId,
    /// Its name, in one of two fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its name, in one of two fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_name: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Pools on offer there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_pools: Option<u32>,
    /// Its cluster, by which its pools are asked for.
    #[serde(default)]
    pub gpuaas_id: Option<WireId>,
}

impl RegionRow {
    /// Whether this is the region of that name or number.
    pub fn is_called(&self, name: &str) -> bool {
        let names = [&self.name, &self.region_name];
        self.id.as_str() == name || names.into_iter().flatten().any(|own| own == name)
    }
}

/// Row of `GET /gpuaas/available-pools`. Of each pair of fields, one is there (pathology 16).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Which pool.
    pub id: WireId,
    /// Its display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_label: Option<String>,
    /// Its name with its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_name: Option<String>,
    /// Its name, with some servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model_type: Option<String>,
    /// Shares that nobody holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_vgpus: Option<u32>,
    /// The same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_gpus: Option<u32>,
    /// Price of one for an hour, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_hourly: Option<Figure>,
    /// The same, as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<Figure>,
}

impl OfferRow {
    /// Whether one of its names is this one.
    pub fn is_called(&self, name: &str) -> bool {
        let names = [&self.pool_label, &self.pool_name, &self.name];
        names.into_iter().flatten().any(|own| own == name)
    }

    /// Shares that nobody holds, if stated.
    pub fn free(&self) -> Option<u32> {
        self.available_vgpus.or(self.available_gpus)
    }

    /// Price of one share for an hour, if stated.
    ///
    /// # Errors
    /// For a price that is none.
    pub fn price(&self) -> Result<Option<Money>, SummaryError> {
        let stated = self.pricing_hourly.clone().or_else(|| self.price_per_hour.clone());
        amount("pricing_hourly", stated)
    }
}

/// Row of `GET /gpuaas/pool/compatible-instance-types`. Some of them do not work (pathology 10), so
/// nothing is chosen from this list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTypeRow {
    /// Which type.
    pub id: WireId,
    /// Its name.
    pub name: String,
    /// Cards.
    #[serde(default)]
    pub gpu_count: Option<u32>,
}

/// Body of `POST /gpuaas/calculate-pool-subscription`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalculateRequest {
    /// Which pool.
    pub pool_id: WireId,
    /// Shares.
    pub vgpus: u32,
    /// For how long.
    pub duration_hours: f64,
    /// Whose.
    pub team_id: String,
}

/// What a subscription would cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalculateResponse {
    /// All of it.
    pub total_cost: Figure,
    /// An hour of it.
    pub hourly_cost: Figure,
    /// ISO code.
    #[serde(default)]
    pub currency: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(body: &str) -> OfferRow {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn p16_an_offer_is_read_by_either_name_of_each_field() {
        let old = offer(r#"{"id":7,"pool_name":"a","available_gpus":3,"price_per_hour":0.5}"#);
        let new = offer(
            r#"{"id":"7","pool_label":"b","pool_name":"a","available_vgpus":3,"available_gpus":9,"pricing_hourly":"0.5"}"#,
        );
        assert_eq!((old.free(), new.free(), &old.id), (Some(3), Some(3), &new.id));
        assert_eq!(
            (old.price().unwrap(), new.price().unwrap()),
            ("0.5".parse().ok(), "0.5".parse().ok())
        );
        assert!(
            old.is_called("a") && new.is_called("a") && new.is_called("b") && !old.is_called("b")
        );
    }

    #[test]
    fn what_is_not_stated_is_not_zero() {
        let bare = offer(r#"{"id":7}"#);
        assert_eq!((bare.free(), bare.price().unwrap()), (None, None));
        offer(r#"{"id":7,"pricing_hourly":"much"}"#).price().unwrap_err();
    }
}
