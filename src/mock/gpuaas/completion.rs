//! Chat completions on one subscription, at the port that was exposed of it, in the dialect
//! [`openai`](super::super::openai).

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use connector::{AllocationId, Error, ErrorKind};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::super::{
    openai,
    routes::{Refused, Shared, Shop, Whole, presents, unguarded},
    shortcut::Way,
};

/// Whose completions are made at a port.
#[derive(Clone, Debug)]
struct Port {
    shop: Arc<Shop>,
    share: AllocationId,
}

impl FromRef<Port> for Arc<Shop> {
    fn from_ref(port: &Port) -> Self {
        Self::clone(&port.shop)
    }
}

pub(super) fn router(shop: Arc<Shop>, share: AllocationId) -> Router {
    let limit = DefaultBodyLimit::max(shop.options.body_bytes);
    let key = middleware::from_fn_with_state(Arc::clone(&shop), check_key);
    let routes = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(openai::models))
        .layer(key);
    unguarded(routes, openai::refusal).layer(limit).with_state(Port { shop, share })
}

async fn check_key(State(shop): Shared, request: Request, next: Next) -> Response {
    match &shop.options.service_key {
        Some(key)
            if !presents(request.headers(), |said| {
                said.ct_eq(key.expose_secret().as_bytes()).into()
            }) =>
        {
            let words = "the key of the service is missing or wrong";
            Refused::from(Error::new(ErrorKind::Unauthorized, words)).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

async fn complete(
    State(Port { shop, share }): State<Port>,
    way: Way,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    openai::chat_on(&shop, &body, share, way).await
}
