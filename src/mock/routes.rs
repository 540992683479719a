//! The HTTP surface.

use std::sync::Arc;

use adapters::harpoon_v1::{ErrorBody, WireNames, status_of};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use connector::{Error, ErrorKind, Operation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{
    MockOptions,
    desk::{Desk, Said},
    streaming, translate,
};

/// What every handler needs.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) desk: Desk,
    pub(super) names: WireNames,
    pub(super) options: MockOptions,
}

type Shared = State<Arc<Shop>>;

pub(super) fn router(shop: Arc<Shop>) -> Router {
    let limit = DefaultBodyLimit::max(shop.options.body_bytes);
    Router::new()
        .route("/v1/allocate", post(allocate).get(list))
        .route("/v1/allocate/{id}", delete(release).get(inspect))
        .route("/v1/inference", post(infer))
        .route("/v1/pools", get(pools))
        .method_not_allowed_fallback(otherwise)
        .fallback(nowhere)
        .layer(limit)
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), check_key))
        // Probes of orchestrators have no key.
        .route("/health", get(|| async { "ok" }))
        .with_state(shop)
}

/// What a handler answers with when it cannot do what it is for.
struct Refused(StatusCode, Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(status_of(error.kind));
        Self(status.expect("every kind has a valid status"), error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        let body = ErrorBody { error: (&error).into() };
        let body = serde_json::to_vec(&body).expect("an error is made of text and numbers");
        let mut response = (status, [JSON], body).into_response();
        if let ErrorKind::RateLimited { retry_after: Some(wait) } = error.kind {
            let seconds = wait.as_nanos().div_ceil(1_000_000_000);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
const EVENTS: [(header::HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];

/// A whole body, if it comes in time.
struct Whole(Bytes);

impl FromRequest<Arc<Shop>> for Whole {
    type Rejection = Refused;

    async fn from_request(request: Request, shop: &Arc<Shop>) -> Result<Self, Refused> {
        let body = Bytes::from_request(request, shop);
        match tokio::time::timeout(shop.options.body_within, body).await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(rejection)) => {
                let error = Error::new(ErrorKind::Invalid, rejection.body_text());
                Err(Refused(rejection.status(), error))
            }
            Err(_elapsed) => {
                let error = Error::new(ErrorKind::Timeout, "the body did not come in time");
                Err(Refused(StatusCode::REQUEST_TIMEOUT, error))
            }
        }
    }
}

async fn allocate(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    let operation = translate::allocation(&body, &shop.names)?;
    answer(&shop, operation).await
}

async fn infer(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    let ask = translate::inference(&body, shop.options.max_tokens)?;
    if !ask.stream {
        return answer(&shop, Operation::Infer(ask)).await;
    }
    let mut answers = shop.desk.ask(Operation::Infer(ask))?;
    // What is refused before it begins is refused by status, as without a stream.
    match answers.next().await {
        Said::Answered(Err(error)) => Err(error.into()),
        first @ (Said::FirstToken | Said::Preempted { .. } | Said::Answered(Ok(_))) => {
            Ok((EVENTS, streaming::body(first, answers)).into_response())
        }
    }
}

async fn release(State(shop): Shared, Path(id): Path<String>) -> Result<Response, Refused> {
    let allocation = translate::share(&id)?;
    answer(&shop, Operation::Release { allocation }).await
}

async fn inspect(State(shop): Shared, Path(id): Path<String>) -> Result<Response, Refused> {
    let allocation = translate::share(&id)?;
    answer(&shop, Operation::Inspect { allocation }).await
}

#[derive(Deserialize)]
struct Listing {
    pool_id: Option<String>,
}

async fn list(State(shop): Shared, Query(of): Query<Listing>) -> Result<Response, Refused> {
    let name = of.pool_id.ok_or_else(|| Error::new(ErrorKind::Invalid, "pool_id is missing"))?;
    let pool = translate::pool(&name, &shop.names)?;
    answer(&shop, Operation::List { pool }).await
}

async fn pools(State(shop): Shared) -> Result<Response, Refused> {
    answer(&shop, Operation::Pools).await
}

async fn nowhere(request: Request) -> Refused {
    let words = format!("nothing is served at {}", request.uri().path());
    Error::new(ErrorKind::NotFound, words).into()
}

async fn otherwise(request: Request) -> Refused {
    let words = format!("{} does not take {}", request.uri().path(), request.method());
    Refused(StatusCode::METHOD_NOT_ALLOWED, Error::new(ErrorKind::Invalid, words))
}

/// Asks and waits for the answer.
async fn answer(shop: &Shop, operation: Operation) -> Result<Response, Refused> {
    let reply = shop.desk.ask(operation)?.answer().await?;
    Ok(match translate::reply(&reply, &shop.names)? {
        Some(body) => ([JSON], body).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn check_key(State(shop): Shared, request: Request, next: Next) -> Response {
    match &shop.options.api_key {
        Some(key) if !presents(request.headers(), key) => {
            let words = "the API key is missing or wrong";
            Refused::from(Error::new(ErrorKind::Unauthorized, words)).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

/// Both headers are seen in use with the real provider. Compared in constant time: an early end
/// would tell how much of a guess is right.
fn presents(headers: &HeaderMap, key: &SecretString) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer = bearer.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let bare = headers.get("x-api-key").map(HeaderValue::as_bytes);
    let key = key.expose_secret().as_bytes();
    [bearer, bare].into_iter().flatten().any(|presented| presented.ct_eq(key).into())
}
