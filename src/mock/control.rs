//! What the mock tells of itself, and what it can be told while it runs.
//!
//! `GET /__control` shows the state; `POST /__control` changes it ([`Change`]) and shows what it has
//! become. `GET /metrics` is for Prometheus. Both are behind the key like everything else.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use connector::{Error, ErrorKind};

use super::{
    desk::closing,
    faults::Change,
    routes::{JSON, Refused, Shared, Shop, Whole},
};

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new().route("/__control", get(show).post(change)).route("/metrics", get(metrics))
}

async fn show(State(shop): Shared) -> Result<Response, Refused> {
    let shown = shop.desk.inside(|keeper| keeper.shown()).ok_or_else(closing)?;
    Ok(([JSON], shown).into_response())
}

async fn change(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    let invalid = |words: String| Error::new(ErrorKind::Invalid, words);
    let change: Change = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("the body is no order: {error}")))?;
    let changed = shop.desk.inside(|keeper| keeper.change(change)).ok_or_else(closing)?;
    changed.map_err(invalid)?;
    show(State(shop)).await
}

async fn metrics(State(shop): Shared) -> Result<Response, Refused> {
    let names = &shop.options.names.models;
    let page = shop.desk.inside(|keeper| keeper.metrics(names)).ok_or_else(closing)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response())
}
