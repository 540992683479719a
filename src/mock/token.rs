//! `POST /token`: a token for a while, for whoever shows the key. Every dialect takes it instead of
//! the key.
//!
//! As RFC 6749 has it for client credentials: the key comes as the password of `Basic` (the user name
//! is anybody's), or in the headers that take it elsewhere.

use std::{
    collections::{VecDeque, hash_map::RandomState},
    fmt,
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use connector::{Error, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::routes::{JSON, Refused, Shared, Shop, presents};

/// Tokens that are remembered; beyond it the oldest is forgotten, good or not.
const MOST: usize = 1024;

type Token = (SecretString, Instant);

/// The tokens that are out.
#[derive(Default)]
pub(super) struct Tokens(Mutex<VecDeque<Token>>);

impl Tokens {
    /// A new one, good for so long. Made from the operating system's randomness, by way of the keys of
    /// two hashers: unguessable enough for a mock.
    fn issue(&self, life: Duration) -> SecretString {
        let random = || RandomState::new().hash_one(Instant::now());
        let token = SecretString::from(format!("mock-{:016x}{:016x}", random(), random()));
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.push_back((token.clone(), Instant::now() + life));
        if out.len() > MOST {
            out.pop_front();
        }
        token
    }

    /// Whether this is one that is still good.
    pub(super) fn know(&self, presented: &[u8]) -> bool {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        out.retain(|(_, end)| now < *end);
        out.iter().any(|(token, _)| token.expose_secret().as_bytes().ct_eq(presented).into())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new().route("/token", post(give))
}

async fn give(State(shop): Shared, headers: HeaderMap) -> Result<Response, Refused> {
    let is_known = shop.options.api_key.as_ref().is_none_or(|key| {
        presents(&headers, |said| said.ct_eq(key.expose_secret().as_bytes()).into())
            || password(&headers)
                .is_some_and(|said| said.ct_eq(key.expose_secret().as_bytes()).into())
    });
    if !is_known {
        let words = "the API key is missing or wrong";
        return Err(Error::new(ErrorKind::Unauthorized, words).into());
    }
    let life = shop.options.token_life;
    let token = shop.tokens.issue(life);
    let body = json!({
        "access_token": token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": life.as_secs(),
    });
    Ok(([JSON, (header::CACHE_CONTROL, "no-store")], body.to_string()).into_response())
}

/// That of `Authorization: Basic`.
fn password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = value.split_at_checked(6)?;
    let both = STANDARD.decode(rest).ok().filter(|_| scheme.eq_ignore_ascii_case(b"basic "))?;
    let colon = both.iter().position(|byte| *byte == b':')?;
    Some(both[colon + 1..].to_vec())
}
