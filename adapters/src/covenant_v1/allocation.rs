//! Bodies about shares.

use connector::{AllocationId, AllocationInfo, Mebibytes, PoolId, Requirements, Tflops};
use serde::{Deserialize, Serialize};

use crate::harpoon_v1::{WireNames, text_or_number, tflops_from_wire, tflops_to_wire};

/// Body of `POST /api/v1/allocations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationRequest {
    /// The pool's name.
    #[serde(deserialize_with = "text_or_number")]
    pub pool_id: String,
    /// What is needed of a card.
    pub requirements: RequirementsBody,
    /// How long the share is wanted, in seconds; above 0.
    pub duration_seconds: u64,
    /// Whether the share may be taken away for a higher priority; `false` when absent.
    #[serde(default)]
    pub preemptible: bool,
    /// On whose behalf, and for what.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What is needed of a card.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequirementsBody {
    /// Compute in TFLOPS, up to three decimals.
    pub min_tflops: f64,
    /// Device memory in MiB, at least.
    pub min_vram_mb: u64,
    /// Device memory in MiB, at most; `min_vram_mb` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_vram_mb: Option<u64>,
}

impl From<Requirements> for RequirementsBody {
    /// No more memory is asked for than is needed.
    fn from(requirements: Requirements) -> Self {
        let vram = requirements.vram.get();
        Self {
            min_tflops: tflops_to_wire(requirements.tflops),
            min_vram_mb: vram,
            max_vram_mb: Some(vram),
        }
    }
}

impl RequirementsBody {
    /// The least that is needed; `None` for compute out of range or a most below the least.
    pub fn to_requirements(&self) -> Option<Requirements> {
        let tflops: Tflops = tflops_from_wire(self.min_tflops)?;
        let is_range = self.max_vram_mb.is_none_or(|most| most >= self.min_vram_mb);
        is_range.then_some(Requirements { tflops, vram: Mebibytes::new(self.min_vram_mb) })
    }
}

/// On whose behalf, and for what. Anything else in it is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The tenant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// What will run there: the model's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_id: Option<String>,
    /// An extension: rank when the pool is full, 0 to 9; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

/// Answer to `POST /api/v1/allocations`. An extension: no document shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationResponse {
    /// The share's name.
    #[serde(alias = "id", deserialize_with = "text_or_number")]
    pub allocation_id: String,
}

/// Answer to `GET /api/v1/allocations/{id}/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsBody {
    /// Part of the share's compute in use, 0 to 1.
    #[serde(default)]
    pub gpu_utilization: f64,
    /// Device memory in use, in MiB.
    #[serde(default)]
    pub memory_used_mb: f64,
    /// Inferences that the share has completed.
    #[serde(default)]
    pub inference_count: u64,
    /// Mean time of a completed inference, in milliseconds; 0 without any.
    #[serde(default)]
    pub average_latency_ms: f64,
    /// An extension: inferences running on it, where the endpoint says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u32>,
}

/// One held share. An extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationBody {
    /// The share's name.
    #[serde(alias = "id", deserialize_with = "text_or_number")]
    pub allocation_id: String,
    /// The pool's name.
    #[serde(deserialize_with = "text_or_number")]
    pub pool_id: String,
    /// What it was asked for, where the endpoint remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<RequirementsBody>,
    /// On whose behalf, and for what.
    #[serde(default)]
    pub metadata: Metadata,
    /// Inferences running on it, where the endpoint says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u32>,
}

impl AllocationBody {
    /// A share under this name; `None` in a pool without a name.
    pub fn of(info: &AllocationInfo, allocation_id: String, names: &WireNames) -> Option<Self> {
        let workload_id = info.model.and_then(|model| names.model(model)).map(Into::into);
        Some(Self {
            allocation_id,
            pool_id: names.pool(info.pool)?.into(),
            requirements: info.requirements.map(Into::into),
            metadata: Metadata { workload_id, ..Metadata::default() },
            running: info.running,
        })
    }

    /// What it says of a share of this pool.
    pub fn to_info(
        &self,
        allocation: AllocationId,
        pool: PoolId,
        names: &WireNames,
    ) -> AllocationInfo {
        let workload = self.metadata.workload_id.as_deref();
        AllocationInfo {
            allocation,
            pool,
            model: workload.and_then(|name| names.model_id(name)),
            requirements: self.requirements.and_then(|needs| needs.to_requirements()),
            running: self.running,
            usage: None,
        }
    }
}

/// Answer to `GET /api/v1/allocations?pool_id=`. An extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocationList {
    /// The shares that the endpoint thinks the caller holds.
    pub allocations: Vec<AllocationBody>,
}

#[cfg(test)]
mod tests {
    use connector::Names;

    use super::*;

    #[test]
    fn an_allocation_reads_as_the_founding_documents_write_it() {
        let request: AllocationRequest = serde_json::from_str(
            r#"{"pool_id":"standard","requirements":{"min_tflops":5.0,"min_vram_mb":2048,"max_vram_mb":4096},
                "duration_seconds":300,"preemptible":true,
                "metadata":{"tenant_id":"acme","workload_id":"gemma-270m","request_class":"simple"}}"#,
        )
        .unwrap();
        assert_eq!((request.duration_seconds, request.preemptible), (300, true));
        assert_eq!(request.requirements.to_requirements().unwrap().vram, Mebibytes::new(2048));
        assert_eq!(request.metadata.tenant_id.as_deref(), Some("acme"));
        assert_eq!(request.metadata.priority, None);
    }

    #[test]
    fn a_grant_may_call_its_id_so_or_so() {
        for body in [r#"{"allocation_id":"42"}"#, r#"{"id":42}"#, r#"{"allocation_id":42,"x":1}"#] {
            let answer: AllocationResponse = serde_json::from_str(body).unwrap();
            assert_eq!(answer.allocation_id, "42", "{body}");
        }
    }

    #[test]
    fn requirements_out_of_range_are_none() {
        let body = |min_tflops, min_vram_mb, max_vram_mb| RequirementsBody {
            min_tflops,
            min_vram_mb,
            max_vram_mb,
        };
        assert_eq!(body(-1.0, 1, None).to_requirements(), None);
        assert_eq!(body(1.0, 2, Some(1)).to_requirements(), None);
        let least = body(1.5, 2, Some(3)).to_requirements().unwrap();
        assert_eq!((least.tflops, least.vram), (Tflops::from_gflops(1_500), Mebibytes::new(2)));
    }

    #[test]
    fn a_share_survives_the_wire() {
        let names = WireNames::new(Names {
            pools: vec!["standard".into()],
            models: vec!["qwen-30b".into()],
            ..Names::default()
        });
        let info = AllocationInfo {
            allocation: AllocationId(7),
            pool: PoolId(0),
            model: Some(connector::ModelId(0)),
            requirements: Some(Requirements { tflops: Tflops::new(30), vram: Mebibytes::new(9) }),
            running: Some(2),
            usage: None,
        };
        let body = AllocationBody::of(&info, "alloc_7".into(), &names).unwrap();
        let body: AllocationBody =
            serde_json::from_str(&serde_json::to_string(&body).unwrap()).unwrap();
        assert_eq!(body.to_info(AllocationId(7), PoolId(0), &names), info);
    }
}
