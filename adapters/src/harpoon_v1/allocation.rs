//! Bodies about shares and pools.

use std::collections::BTreeMap;

use connector::AllocationId;
use serde::{Deserialize, Deserializer, Serialize};

/// Body of `POST /v1/allocate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocateRequest {
    /// The pool's name.
    #[serde(deserialize_with = "text_or_number")]
    pub pool_id: String,
    /// What is needed of a card.
    pub requirements: RequirementsBody,
    /// Whether a card whose promises already exceed its size will do; `false` when absent.
    #[serde(default)]
    pub overcommit: bool,
    /// Whether the share may be taken away for a higher priority; `false` when absent.
    #[serde(default)]
    pub preemptible: bool,
    /// Rank when the pool is full, 0 to 9; 0 when absent.
    #[serde(default)]
    pub priority: u8,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// What is needed of a card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequirementsBody {
    /// Compute in TFLOPS, up to three decimals.
    pub tflops: f64,
    /// Device memory in MiB. The name says MB; card makers' MB are MiB.
    pub vram_mb: u64,
    /// The model's name.
    pub model: String,
}

/// Answer to `POST /v1/allocate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocateResponse {
    /// The share's name, such as `alloc_123`.
    #[serde(deserialize_with = "text_or_number")]
    pub allocation_id: String,
}

/// One held share: answer to `GET /v1/allocate/{id}` and element of [`AllocationList`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationBody {
    /// The share's name.
    #[serde(deserialize_with = "text_or_number")]
    pub allocation_id: String,
    /// The pool's name.
    #[serde(deserialize_with = "text_or_number")]
    pub pool_id: String,
    /// What it was asked for, where the provider remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<RequirementsBody>,
    /// Inferences running on it, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u32>,
    /// What it used lately by window (`last_5m` to `all_time`), where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<BTreeMap<String, WindowBody>>,
}

/// What a share used over a window, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowBody {
    /// Compute in TFLOPS, up to three decimals.
    pub tflops: f64,
    /// Device memory in MiB.
    pub vram_mb: u64,
}

/// Answer to `GET /v1/allocate?pool_id=`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocationList {
    /// The shares that the provider thinks the caller holds.
    pub allocations: Vec<AllocationBody>,
}

/// One pool on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolBody {
    /// The pool's name.
    #[serde(deserialize_with = "text_or_number")]
    pub pool_id: String,
    /// Its display name.
    pub name: String,
    /// How it is sold: `preemptible`, `standard`, `premium`, `dedicated` or `local`.
    pub kind: String,
    /// Shares not held by anybody.
    pub free_slots: u32,
    /// Memory of one card in MiB.
    pub card_vram_mb: u64,
    /// Price of one share for an hour, a decimal as text so that no digit is lost.
    pub price_per_slot_hour: String,
    /// `low`, `medium` or `high`, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_level: Option<String>,
}

/// Answer to `GET /v1/pools`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolList {
    /// The pools on offer.
    pub pools: Vec<PoolBody>,
}

const PREFIX: &str = "alloc_";

/// The name that a server of this dialect gives a share: `alloc_123`.
pub fn allocation_id_to_wire(allocation: AllocationId) -> String {
    format!("{PREFIX}{allocation}")
}

/// The share of a name made by [`allocation_id_to_wire`]; `None` for any other text.
pub fn allocation_id_from_wire(name: &str) -> Option<AllocationId> {
    let number = name.strip_prefix(PREFIX)?.parse().ok().map(AllocationId)?;
    // `alloc_+7` and `alloc_007` parse, but are not the name of share 7.
    (allocation_id_to_wire(number) == name).then_some(number)
}

/// Providers are seen to send one and the same id as a number in one answer and a string in the
/// next.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_reads_as_the_founding_documents_write_it() {
        let request: AllocateRequest = serde_json::from_str(
            r#"{"pool_id":"standard","requirements":{"tflops":5,"vram_mb":2048,"model":"gemma-270m"},
                "overcommit":true,"metadata":{"ignored":1}}"#,
        )
        .unwrap();
        assert_eq!(request.pool_id, "standard");
        assert_eq!(request.requirements.vram_mb, 2048);
        assert!(request.overcommit && !request.preemptible);
        assert_eq!((request.priority, request.tenant_id), (0, None));
    }

    #[test]
    fn an_id_may_be_a_number() {
        let answer: AllocateResponse = serde_json::from_str(r#"{"allocation_id":42}"#).unwrap();
        assert_eq!(answer.allocation_id, "42");
        serde_json::from_str::<AllocateResponse>(r#"{"allocation_id":null}"#).unwrap_err();
    }

    #[test]
    fn a_share_has_exactly_one_name() {
        assert_eq!(allocation_id_to_wire(AllocationId(123)), "alloc_123");
        assert_eq!(allocation_id_from_wire("alloc_123"), Some(AllocationId(123)));
        for other in ["123", "alloc_", "alloc_007", "alloc_+7", "alloc_1 ", "ALLOC_1"] {
            assert_eq!(allocation_id_from_wire(other), None, "{other}");
        }
    }
}
