//! What is exposed of a pod.

use serde::{Deserialize, Serialize};

use super::WireId;

/// Body of `POST /pods/expose-service`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposeRequest {
    /// Which pod.
    pub pod_name: String,
    /// Of which subscription.
    pub pool_subscription_id: WireId,
    /// Port inside the pod.
    pub port: u16,
    /// Its name, by which its state is asked for.
    pub service_name: String,
    /// `TCP` or `UDP`.
    pub protocol: String,
    /// `http`, `https`, `NodePort` or `loadbalancer`.
    pub service_type: String,
}

/// Answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedService {
    /// Which service.
    pub id: WireId,
    /// Its name.
    #[serde(default)]
    pub service_name: String,
    /// Where it is reached.
    #[serde(default)]
    pub ip: Option<String>,
    /// Port there.
    #[serde(default)]
    pub node_port: Option<u16>,
    /// Port inside the pod.
    #[serde(default)]
    pub pod_port: Option<u16>,
    /// A word.
    #[serde(default)]
    pub status: Option<String>,
}

/// Answer to `GET /pods/expose-service/status`. The question is in the query: a published client sends
/// it as the body of a GET, which no fetch of a browser's kind does (pathology 27).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// A word.
    #[serde(default)]
    pub status: Option<String>,
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
    /// Where it is reached.
    #[serde(default)]
    pub service_ip: Option<String>,
    /// Port there.
    #[serde(default)]
    pub node_port: Option<u16>,
    /// Whether it was asked for.
    #[serde(default)]
    pub service_exists: bool,
    /// Whether it works.
    #[serde(default)]
    pub kubernetes_active: bool,
}
