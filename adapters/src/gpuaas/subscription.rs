//! A subscription: asking for one, its row in the list, and giving it back.

use serde::{Deserialize, Serialize};

use super::WireId;

/// Body of `POST /gpuaas/pool/subscribe`, field for field what the published client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeRequest {
    /// Which pool.
    pub pool_id: WireId,
    /// Whose.
    pub team_id: String,
    /// Shares: always 1, because more make several pods under one subscription (pathology 7).
    pub vgpus: u32,
    /// Never.
    pub is_vip_priority: bool,
    /// Always 0.
    pub guaranteed_gpu_share_percent: u32,
    /// Cores and memory beside the card.
    pub instance_type_id: String,
    /// The pod's own storage. There is no field for a persistent one: it has no effect (pathology 8).
    pub ephemeral_storage_block_id: String,
    /// Volumes to attach, by number.
    pub shared_volumes: Vec<u64>,
    /// What runs in the pod.
    pub image_uuid: String,
    /// Of InfiniBand; empty.
    pub ifb_subscription_id: String,
    /// Of InfiniBand; empty.
    pub port_guid: String,
}

/// What comes of it, if anything comes (pathology 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeResponse {
    /// Which subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<WireId>,
}

/// Body of `POST /gpuaas/pool/unsubscribe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsubscribeRequest {
    /// Which subscription; never made up and never null (pathology 31).
    pub subscription_id: WireId,
    /// Whose.
    pub team_id: String,
    /// Of which pool.
    pub pool_id: WireId,
}

/// Row of `GET /gpuaas/pool-subscription`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionRow {
    /// Which subscription.
    pub id: WireId,
    /// Of which pool.
    pub pool_id: WireId,
    /// Whose. The list shows other teams' rows too (pathology 13), some of them without this field
    /// (pathology 14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<WireId>,
    /// The pool's name with its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_name: Option<String>,
    /// Its state, in one of two fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its state, in one of two fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_status: Option<String>,
    /// What runs; may be missing or null at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Vec<Pod>>,
    /// What it used of the card over the window that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SubscriptionMetrics>,
}

/// What a subscription used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionMetrics {
    /// Compute, if stated.
    #[serde(default)]
    pub tflops_usage: Option<f64>,
    /// Memory in KB, if stated.
    #[serde(default)]
    pub vram_usage: Option<f64>,
}

/// A pod of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name.
    pub pod_name: String,
    /// Its state, in any case of letters.
    #[serde(default)]
    pub pod_status: String,
    /// What is exposed of it, where the list tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<PodService>>,
}

/// A service of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodService {
    /// Its name.
    pub name: String,
    /// Its port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Its host.
    #[serde(default)]
    pub ip: Option<String>,
}

/// The states of a subscription that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// It is being set up.
    Subscribing,
    /// It is there.
    Subscribed,
    /// It is being taken down, and charged until its row is gone.
    Unsubscribing,
    /// Nobody has seen this one.
    Unknown,
}

/// The states of a pod, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// It works.
    Running,
    /// It will not work any more by itself.
    Ended,
    /// It may work yet.
    Other,
}

impl SubscriptionRow {
    /// Its state.
    pub fn state(&self) -> SubscriptionState {
        let said = self.status.as_deref().or(self.subscription_status.as_deref());
        match said.unwrap_or_default().to_ascii_lowercase().as_str() {
            "subscribing" => SubscriptionState::Subscribing,
            "subscribed" | "active" | "running" => SubscriptionState::Subscribed,
            "un_subscribing" | "unsubscribing" => SubscriptionState::Unsubscribing,
            _ => SubscriptionState::Unknown,
        }
    }

    /// The first pod that works.
    pub fn running_pod(&self) -> Option<&Pod> {
        self.pods.iter().flatten().find(|pod| pod.state() == PodState::Running)
    }
}

impl Pod {
    /// Its state.
    pub fn state(&self) -> PodState {
        match self.pod_status.to_ascii_lowercase().as_str() {
            "running" => PodState::Running,
            "failed" | "terminated" | "error" | "succeeded" | "crashloopbackoff" => PodState::Ended,
            _ => PodState::Other,
        }
    }
}

/// Row of `GET /gpuaas/connection-info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// Which subscription.
    pub id: WireId,
    /// Its pool's name.
    #[serde(default)]
    pub pool_name: Option<String>,
    /// How to get at its pods.
    #[serde(default)]
    pub pods: Vec<ConnectionPod>,
}

/// A pod and how to log in to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionPod {
    /// Its name.
    pub pod_name: String,
    /// Its state.
    #[serde(default)]
    pub pod_status: String,
    /// How to log in; missing at first (pathology 12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_info: Option<SshInfo>,
}

/// A login. It is not read beyond its being there, and never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshInfo {
    /// The command.
    pub cmd: String,
    /// The password.
    pub pass: String,
}

impl std::fmt::Debug for SshInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SshInfo(not shown)")
    }
}

/// Body of `POST /pods/action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodAction {
    /// Which pod.
    pub pod_name: String,
    /// Of which subscription.
    pub pool_subscription_id: WireId,
    /// `start`, `stop` or `restart`.
    pub pod_action: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(body: &str) -> SubscriptionRow {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn states_are_read_in_any_case_and_from_either_field() {
        for (said, state) in [
            (r#""status":"SUBSCRIBED""#, SubscriptionState::Subscribed),
            (r#""status":"Active""#, SubscriptionState::Subscribed),
            (r#""subscription_status":"subscribing""#, SubscriptionState::Subscribing),
            (r#""status":"un_subscribing""#, SubscriptionState::Unsubscribing),
            (r#""status":"melting""#, SubscriptionState::Unknown),
            (r#""status":null"#, SubscriptionState::Unknown),
        ] {
            let read = row(&format!(r#"{{"id":1,"pool_id":"2",{said}}}"#));
            assert_eq!(read.state(), state, "{said}");
        }
    }

    #[test]
    fn p07_of_several_pods_the_first_that_runs_is_taken() {
        let read = row(
            r#"{"id":1,"pool_id":2,"pods":[{"pod_name":"a","pod_status":"CrashLoopBackOff"},{"pod_name":"b","pod_status":"RUNNING"},{"pod_name":"c","pod_status":"Running"}]}"#,
        );
        assert_eq!(read.running_pod().map(|pod| pod.pod_name.as_str()), Some("b"));
        assert_eq!(row(r#"{"id":1,"pool_id":2,"pods":null}"#).running_pod(), None);
    }

    #[test]
    fn p38_fields_that_nobody_knows_are_no_hindrance() {
        let read = row(r#"{"id":1,"pool_id":2,"general":{"a":[1]},"storage_details":null}"#);
        assert_eq!(read.id, WireId::from(1));
    }

    #[test]
    fn p17_volumes_that_are_told_as_null_are_not_read() {
        let read = row(
            r#"{"id":1,"pool_id":2,"storage_details":{"shared_volumes":null,"persistent_storage_gb":50}}"#,
        );
        assert_eq!(read.state(), SubscriptionState::Unknown);
    }

    #[test]
    fn a_password_is_not_printed() {
        let login = SshInfo { cmd: "ssh -p 1 u@h".into(), pass: "s3cret".into() };
        assert!(!format!("{login:?}").contains("s3cret"));
    }
}
