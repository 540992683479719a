//! The dialect [`harpoon-v1`](adapters::harpoon_v1) as the mock speaks it.

pub(super) mod streaming;
pub(super) mod translate;

use std::sync::Arc;

use adapters::harpoon_v1::{ErrorBody, WireNames};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use connector::{Error, ErrorKind, Infer, Operation, PoolId};
use serde::Deserialize;

use super::{
    routes::{EVENTS, JSON, Refused, Shared, Shop, Whole},
    shortcut::Way,
    voice::Said,
};

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/v1/allocate", post(allocate).get(list))
        .route("/v1/allocate/{id}", delete(release).get(inspect))
        .route("/v1/inference", post(infer))
        .route("/v1/pools", get(pools))
}

/// A refusal in words of the dialect.
pub(super) fn refusal(Refused { error, .. }: &Refused) -> Vec<u8> {
    let body = ErrorBody { error: error.into() };
    serde_json::to_vec(&body).expect("an error is made of text and numbers")
}

async fn allocate(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    let operation = translate::allocation(&body, &shop.names)?;
    answer(&shop, operation).await
}

async fn infer(State(shop): Shared, way: Way, Whole(body): Whole) -> Result<Response, Refused> {
    let ask = translate::inference(&body, shop.options.max_tokens)?;
    generate(&shop, ask, way).await
}

/// The answer to an inference, whole or as a stream.
pub(super) async fn generate(shop: &Shop, ask: Infer, way: Way) -> Result<Response, Refused> {
    if !ask.stream {
        return answer(shop, Operation::Infer(ask)).await;
    }
    let mut answers = shop.desk.ask(Operation::Infer(ask)).await?;
    // What is refused before it begins is refused by status, as without a stream.
    match answers.next().await {
        Said::Answered(Err(error)) => Err(error.into()),
        first @ (Said::FirstToken | Said::Preempted { .. } | Said::Answered(Ok(_))) => {
            Ok((EVENTS, streaming::body(first, answers, way)).into_response())
        }
    }
}

pub(super) async fn release(
    State(shop): Shared,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let allocation = translate::share(&id)?;
    answer(&shop, Operation::Release { allocation }).await
}

async fn inspect(State(shop): Shared, Path(id): Path<String>) -> Result<Response, Refused> {
    let allocation = translate::share(&id)?;
    answer(&shop, Operation::Inspect { allocation }).await
}

#[derive(Deserialize)]
pub(super) struct Listing {
    pool_id: Option<String>,
}

impl Listing {
    /// The pool to be listed.
    pub(super) fn pool(self, names: &WireNames) -> Result<PoolId, Error> {
        let missing = || Error::new(ErrorKind::Invalid, "pool_id is missing");
        translate::pool(&self.pool_id.ok_or_else(missing)?, names)
    }
}

async fn list(State(shop): Shared, Query(of): Query<Listing>) -> Result<Response, Refused> {
    let pool = of.pool(&shop.names)?;
    answer(&shop, Operation::List { pool }).await
}

pub(super) async fn pools(State(shop): Shared) -> Result<Response, Refused> {
    answer(&shop, Operation::Pools).await
}

/// Asks and waits for the answer.
async fn answer(shop: &Shop, operation: Operation) -> Result<Response, Refused> {
    let reply = shop.desk.ask(operation).await?.answer().await?;
    Ok(match translate::reply(&reply, &shop.names)? {
        Some(body) => ([JSON], body).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
