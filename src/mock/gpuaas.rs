//! The dialect [`gpuaas`](adapters::gpuaas) as the mock speaks it: HostedAI's User API over the simulated
//! pools.
//!
//! # Mechanism
//!
//! A subscription is a share of the simulator, under the share's number. Whose it is, what was exposed of
//! it and that it is being taken down is kept at the front ([`front`]), because the simulator knows
//! nothing of it; whether it is there at all is asked of the simulator every time, so ghosts, lists that
//! lag, foreign rows and slow releases of its control plane show here as they are. Numbers of pools are
//! those of the scenario counted from 1; a team is the tenant of its name, or one of its own.
//!
//! What else clients of HostedAI met can be switched on by name ([`GpuaasQuirk`]), also while the mock
//! runs: `GET /__control/gpuaas/quirks`, and `PUT` or `DELETE` of `/__control/gpuaas/quirks/{name}`.
//!
//! # Edges
//!
//! * A team has one subscription of a pool; a second is refused with 409, also while the first is being
//!   taken down.
//! * An exposed service is a port of its own on the address that the mock listens on, where OpenAI's
//!   dialect is spoken. It is not guarded by the provider's key, but by a key of its own if there is one.
//! * The image says which model a subscription is for: the model's name, else the first model.
//! * Hours are counted at the front, at the speed of the mock, and priced by the simulator; time in which
//!   a subscription is being taken down is charged.

mod billing;
mod catalogue;
mod completion;
mod front;
mod quirks;
mod services;
mod subscriptions;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{delete, get, post, put},
};
use connector::{Error, ErrorKind};
use serde_json::{Map, Value};

pub use self::quirks::{GpuaasQuirk, GpuaasQuirks};
pub(super) use self::{front::Front, subscriptions::DELAY, wire::refusal};
use super::routes::{Refused, Shared, Shop};

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/api/gpuaas/all-pools", get(catalogue::all_pools))
        .route("/api/gpuaas/available-regions", get(catalogue::regions))
        .route("/api/gpuaas/available-pools", get(catalogue::offers))
        .route("/api/gpuaas/pool/compatible-instance-types", get(catalogue::instance_types))
        .route("/api/gpuaas/calculate-pool-subscription", post(catalogue::calculate))
        .route("/api/gpuaas/pool/subscribe", post(subscriptions::subscribe))
        .route("/api/gpuaas/pool/unsubscribe", post(subscriptions::unsubscribe))
        .route("/api/gpuaas/pool-subscription", get(subscriptions::list))
        .route("/api/gpuaas/connection-info", get(subscriptions::connections))
        .route("/api/pods/action", post(subscriptions::act))
        .route("/api/pods/expose-service", post(services::expose))
        .route("/api/pods/expose-service/status", get(services::state))
        .route("/api/pods/delete-exposed-service/{id}", delete(services::withdraw))
        .route("/api/gpuaas/{team}/metrics", get(billing::metrics))
        .route("/api/gpuaas/{team}/metrics-graph", get(billing::graph))
        .route("/api/team-billing/summary/{team}/{from}/{until}", get(billing::summary))
        .route("/api/team-billing/{team}/{from}/{until}/{interval}", get(billing::detail))
        .route("/__control/gpuaas/quirks", get(quirks_on))
        .route("/__control/gpuaas/quirks/{name}", put(switch_on).delete(switch_off))
}

async fn quirks_on(State(shop): Shared) -> Response {
    let on = |quirk: GpuaasQuirk| (quirk.name().to_owned(), shop.gpuaas.quirks.has(quirk).into());
    wire::written(&Value::Object(GpuaasQuirk::ALL.into_iter().map(on).collect::<Map<_, _>>()))
}

async fn switch_on(State(shop): Shared, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    switch(&shop, &name, true)
}

async fn switch_off(State(shop): Shared, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    switch(&shop, &name, false)
}

fn switch(shop: &Shop, name: &str, on: bool) -> Result<StatusCode, Refused> {
    let Some(quirk) = GpuaasQuirk::from_name(name) else {
        return Err(Error::new(ErrorKind::NotFound, "no quirk has this name").into());
    };
    shop.gpuaas.quirks.set(quirk, on);
    Ok(StatusCode::NO_CONTENT)
}
