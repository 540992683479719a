//! The HTTP surface: which dialect is spoken where, and what they have in common.
//!
//! A handler refuses with [`Refused`], which has no words yet; the layer around the routes of each
//! dialect ([`spoken`]) puts it into the dialect's own.

use std::{future::ready, net::IpAddr, sync::Arc};

use adapters::harpoon_v1::{WireNames, kind_of, status_of};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRef, FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use connector::{Error, ErrorKind};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::{
    MockOptions, control, covenant_v1,
    desk::Desk,
    gpuaas, harpoon_v1, openai,
    token::{self, Tokens},
};

/// What every handler needs.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) desk: Desk,
    pub(super) names: WireNames,
    pub(super) options: MockOptions,
    /// When the mock began, in seconds since 1970.
    pub(super) began: u64,
    pub(super) tokens: Tokens,
    /// What the dialect `gpuaas` keeps besides.
    pub(super) gpuaas: gpuaas::Front,
}

impl Shop {
    /// One whose exposed services listen on `ip`.
    pub(super) fn new(desk: Desk, names: WireNames, options: MockOptions, ip: IpAddr) -> Self {
        let gpuaas = gpuaas::Front::new(options.gpuaas_quirks.clone(), options.gpuaas_delay, ip);
        let (began, tokens) = (openai::now(), Tokens::default());
        Self { desk, names, options, began, tokens, gpuaas }
    }
}

pub(super) type Shared = State<Arc<Shop>>;

pub(super) const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
pub(super) const EVENTS: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];

pub(super) fn router(shop: Arc<Shop>) -> Router {
    let limit = DefaultBodyLimit::max(shop.options.body_bytes);
    let elsewhere = Router::new().fallback(nowhere);
    Router::new()
        .merge(guarded(&shop, harpoon_v1::routes(), harpoon_v1::refusal))
        .merge(guarded(&shop, covenant_v1::routes(), covenant_v1::refusal))
        .merge(
            guarded(&shop, openai::routes(), openai::refusal)
                .layer(middleware::from_fn(echo_request_id)),
        )
        .merge(guarded(&shop, gpuaas::routes(), gpuaas::refusal))
        .merge(guarded(&shop, control::routes(), harpoon_v1::refusal))
        .merge(guarded(&shop, elsewhere, harpoon_v1::refusal))
        .merge(unguarded(token::routes(), harpoon_v1::refusal))
        .layer(limit)
        // Probes of orchestrators have no key.
        .route("/health", get(|| async { "ok" }))
        .with_state(shop)
}

/// The routes of a dialect behind the key, with its own words for what is refused.
fn guarded(
    shop: &Arc<Shop>,
    routes: Router<Arc<Shop>>,
    words: fn(&Refused) -> Vec<u8>,
) -> Router<Arc<Shop>> {
    let routes = routes
        .method_not_allowed_fallback(otherwise)
        .layer(middleware::from_fn_with_state(Arc::clone(shop), let_in));
    unguarded(routes, words)
}

/// The same without the key.
pub(super) fn unguarded<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    words: fn(&Refused) -> Vec<u8>,
) -> Router<S> {
    routes.layer(middleware::map_response(move |response| ready(spoken(response, words))))
}

/// What a handler answers with when it cannot do what it is for.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) error: Error,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(status_of(error.kind));
        Self { status: status.expect("every kind has a valid status"), error }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The same answer; where it is a refusal, in these words.
fn spoken(mut response: Response, words: fn(&Refused) -> Vec<u8>) -> Response {
    let Some(refused) = response.extensions_mut().remove::<Refused>() else { return response };
    let mut response = (refused.status, [JSON], words(&refused)).into_response();
    if let ErrorKind::RateLimited { retry_after: Some(wait) } = refused.error.kind {
        let seconds = wait.as_nanos().div_ceil(1_000_000_000);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A whole body, if it comes in time.
pub(super) struct Whole(pub(super) Bytes);

/// Of a shop, or of something in one.
impl<S: Send + Sync> FromRequest<S> for Whole
where
    Arc<Shop>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let shop = Arc::<Shop>::from_ref(state);
        let body = Bytes::from_request(request, state);
        match tokio::time::timeout(shop.options.body_within, body).await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(rejection)) => {
                let error = Error::new(ErrorKind::Invalid, rejection.body_text());
                Err(Refused { status: rejection.status(), error })
            }
            Err(_elapsed) => {
                let error = Error::new(ErrorKind::Timeout, "the body did not come in time");
                Err(Refused { status: StatusCode::REQUEST_TIMEOUT, error })
            }
        }
    }
}

/// A request that has a name is answered under it.
async fn echo_request_id(request: Request, next: Next) -> Response {
    const NAME: HeaderName = HeaderName::from_static("x-request-id");
    let id = request.headers().get(&NAME).cloned();
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(NAME, id);
    }
    response
}

async fn nowhere(request: Request) -> Refused {
    let words = format!("nothing is served at {}", request.uri().path());
    Error::new(ErrorKind::NotFound, words).into()
}

async fn otherwise(request: Request) -> Refused {
    let words = format!("{} does not take {}", request.uri().path(), request.method());
    let error = Error::new(ErrorKind::Invalid, words);
    Refused { status: StatusCode::METHOD_NOT_ALLOWED, error }
}

/// Whoever has the key is let in, unless a failure is ordered with the request itself.
async fn let_in(State(shop): Shared, request: Request, next: Next) -> Response {
    match &shop.options.api_key {
        Some(key)
            if !presents(request.headers(), |said| {
                said.ct_eq(key.expose_secret().as_bytes()).into() || shop.tokens.know(said)
            }) =>
        {
            let words = "the API key is missing or wrong";
            return Refused::from(Error::new(ErrorKind::Unauthorized, words)).into_response();
        }
        Some(_) | None => {}
    }
    match ordered(request.headers()) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

/// The failure that a request asks for, by the status in its header `X-Return-Error`.
fn ordered(headers: &HeaderMap) -> Option<Refused> {
    let status = headers.get("x-return-error")?.to_str().ok().and_then(|text| text.parse().ok());
    Some(match status.filter(|status| (400..=599).contains(status)) {
        Some(status) => Refused {
            status: StatusCode::from_u16(status).expect("three digits"),
            error: Error::new(kind_of(status), "the request asked for it"),
        },
        None => {
            Error::new(ErrorKind::Invalid, "X-Return-Error is no status from 400 to 599").into()
        }
    })
}

/// Whether one of the headers holds what `opens`. Both are seen in use with the real provider. Compare
/// in constant time: an early end would tell how much of a guess is right.
pub(super) fn presents(headers: &HeaderMap, opens: impl Fn(&[u8]) -> bool) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer = bearer.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let bare = headers.get("x-api-key").map(HeaderValue::as_bytes);
    [bearer, bare].into_iter().flatten().any(opens)
}
