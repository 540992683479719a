//! The dialect [`covenant-v1`](adapters::covenant_v1) as the mock speaks it.
//!
//! What the dialect does not say: a share may be placed on a card whose promises exceed its size, as
//! the founding documents configure it. A workload that is no model of the scenario is taken for the
//! first, as an unknown tenant is. An inference runs on what its share was asked for; a model that the
//! scenario does not have is refused.

use std::sync::Arc;

use adapters::{
    covenant_v1::{
        AllocationBody, AllocationList, AllocationRequest, AllocationResponse, InferenceRequest,
        MetricsBody,
    },
    harpoon_v1::{WireNames, allocation_id_to_wire},
};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use connector::{
    Allocate, AllocationInfo, Duration, Error, ErrorKind, ModelId, Operation, Priority, Reply,
    TenantId,
};
use serde::Serialize;

use super::{
    desk::closing,
    harpoon_v1::{
        self, Listing,
        translate::{self, invalid},
    },
    keeper::orders::Measured,
    routes::{JSON, Refused, Shared, Shop, Whole},
    shortcut::Way,
};

/// Longest time that a share may be asked for: ten years, which any clock can hold.
const MAX_SECONDS: u64 = 315_360_000;

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/api/v1/allocations", post(allocate).get(list))
        .route("/api/v1/allocations/{id}", delete(release))
        .route("/api/v1/allocations/{id}/metrics", get(metrics))
        .route("/api/v1/inference/{id}", post(infer))
        .route("/api/v1/pools", get(harpoon_v1::pools))
}

/// Our own words: no document shows those of the dialect.
pub(super) use harpoon_v1::refusal;

async fn allocate(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    let (operation, lease) = allocation(&body, &shop.names)?;
    match shop.desk.ask_for(operation, Some(lease)).await?.answer().await? {
        Reply::Granted { allocation } => {
            let allocation_id = allocation_id_to_wire(allocation);
            let body = written(&AllocationResponse { allocation_id })?;
            Ok((StatusCode::CREATED, body).into_response())
        }
        other => Err(odd(&other)),
    }
}

fn allocation(body: &[u8], names: &WireNames) -> Result<(Operation, Duration), Error> {
    let request: AllocationRequest = translate::read(body)?;
    let requirements = request.requirements.to_requirements().ok_or_else(|| {
        invalid(format!(
            "requirements {:?}: min_tflops is between 0 and 1,000,000, max_vram_mb not below min_vram_mb",
            request.requirements
        ))
    })?;
    let seconds = request.duration_seconds;
    if !(1..=MAX_SECONDS).contains(&seconds) {
        let words = format!("duration_seconds {seconds} is not between 1 and {MAX_SECONDS}");
        return Err(invalid(words));
    }
    let rank = request.metadata.priority.unwrap_or_default();
    let priority = Priority::new(rank)
        .ok_or_else(|| invalid(format!("priority {rank} is not between 0 and 9")))?;
    let tenant = request.metadata.tenant_id.and_then(|name| names.tenant_id(&name));
    let model = request.metadata.workload_id.and_then(|name| names.model_id(&name));
    let operation = Operation::Allocate(Allocate {
        pool: translate::pool(&request.pool_id, names)?,
        model: model.unwrap_or(ModelId(0)),
        requirements,
        overcommit: true,
        preemptible: request.preemptible,
        priority,
        tenant: tenant.unwrap_or(TenantId(0)),
    });
    Ok((operation, Duration::from_secs(seconds)))
}

async fn infer(
    State(shop): Shared,
    Path(id): Path<String>,
    way: Way,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    let request: InferenceRequest<'_> = translate::read(&body)?;
    translate::model(&request.model, &shop.names)?;
    let ask = translate::ask(
        &adapters::harpoon_v1::InferenceRequest {
            allocation_id: id.into(),
            prompt: request.prompt,
            temperature: request.temperature,
            max_tokens: request.max_tokens,
            stream: request.stream,
            prompt_tokens: request.prompt_tokens,
        },
        shop.options.max_tokens,
    )?;
    harpoon_v1::generate(&shop, ask, way).await
}

async fn release(state: Shared, path: Path<String>) -> Result<Response, Refused> {
    harpoon_v1::release(state, path).await
}

/// The provider's own figures where it tells them, else what the keeper has counted.
async fn metrics(State(shop): Shared, Path(id): Path<String>) -> Result<Response, Refused> {
    let allocation = translate::share(&id)?;
    match shop.desk.ask(Operation::Inspect { allocation }).await?.answer().await? {
        Reply::Inspected(info) => {
            let counted = shop.desk.inside(|keeper| keeper.measured(allocation));
            Ok(written(&figures(&info, counted.ok_or_else(closing)?))?)
        }
        other => Err(odd(&other)),
    }
}

fn figures(info: &AllocationInfo, counted: Measured) -> MetricsBody {
    let usage = info.usage.as_deref().map(|windows| windows[0]);
    let asked = info.requirements.map(|needs| (needs.tflops.as_gflops(), needs.vram));
    let of_compute = usage
        .zip(asked)
        .map(|(usage, (asked, _))| usage.tflops.as_gflops() as f64 / (asked.max(1)) as f64);
    let memory = usage.map(|usage| usage.vram).or(asked.map(|(_, vram)| vram));
    MetricsBody {
        gpu_utilization: of_compute.unwrap_or(counted.utilization).clamp(0.0, 1.0),
        memory_used_mb: memory.map_or(0.0, |vram| vram.get() as f64),
        inference_count: counted.completed,
        average_latency_ms: counted.mean.as_secs_f64() * 1e3,
        running: info.running,
    }
}

async fn list(State(shop): Shared, Query(of): Query<Listing>) -> Result<Response, Refused> {
    let pool = of.pool(&shop.names)?;
    match shop.desk.ask(Operation::List { pool }).await?.answer().await? {
        Reply::Listed(infos) => {
            let bodies = infos.iter().map(|info| {
                let id = allocation_id_to_wire(info.allocation);
                AllocationBody::of(info, id, &shop.names)
            });
            let nameless = || Error::new(ErrorKind::Protocol, "the provider named an unknown pool");
            let allocations = bodies.collect::<Option<_>>().ok_or_else(nameless)?;
            Ok(written(&AllocationList { allocations })?)
        }
        other => Err(odd(&other)),
    }
}

fn written(body: &impl Serialize) -> Result<Response, Error> {
    let bytes = serde_json::to_vec(body)
        .map_err(|error| Error::new(ErrorKind::Protocol, error.to_string()))?;
    Ok(([JSON], bytes).into_response())
}

fn odd(reply: &Reply) -> Refused {
    Error::new(ErrorKind::Protocol, format!("the provider answered with {reply:?}")).into()
}
