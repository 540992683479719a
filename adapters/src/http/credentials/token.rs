//! A token that is valid for a while, got for the key.

use std::time::{Duration, Instant, SystemTime};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use connector::{Error, ErrorKind};
use hyper::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    super::{endpoint::Endpoint, options::TokenExchange},
    API_KEY, Shown, Urgency, header,
};
use crate::{covenant_v1::read_failure, harpoon_v1::readable};

/// How long an exchange may take. A token that does not come in this time is none.
const WITHIN: Duration = Duration::from_secs(10);
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// Longest answer in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// A token is renewed when the last fifth of its life begins, and not earlier than this before its end.
const EARLIEST: Duration = Duration::from_mins(1);
/// Longest life that is believed: beyond it a token is renewed all the same.
const LONGEST: Duration = Duration::from_hours(24);

/// A token and when it must be renewed.
pub(in crate::http) struct Token {
    pub(super) secret: SecretString,
    renew: Instant,
    /// From then on it is not shown any more.
    end: Instant,
}

impl Token {
    pub(in crate::http) fn shown(&self) -> Shown {
        let value = header(&self.secret, "Bearer ").expect("the token was checked to be fit");
        Shown { name: AUTHORIZATION, value }
    }

    /// `None` once it is over.
    pub(in crate::http) fn urgency(&self, now: Instant) -> Option<Urgency> {
        (now < self.end).then_some(if now < self.renew { Urgency::None } else { Urgency::Soon })
    }

    /// Life counts from the asking, so that a slow answer does not make it longer.
    fn new(secret: SecretString, asked: Instant, life: Duration) -> Self {
        let life = life.min(LONGEST);
        let ahead = (life / 5).min(EARLIEST);
        Self { secret, renew: asked + life.saturating_sub(ahead), end: asked + life }
    }
}

/// What the token address answers: RFC 6749's names, or those of HostedAI's login.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "token")]
    access_token: String,
    /// Seconds.
    #[serde(default)]
    expires_in: Option<u64>,
}

/// Gets a token for the key.
///
/// # Errors
/// `Unauthorized` for a key that is refused, `Protocol` for an answer without a token. Nothing reached
/// the provider's platform in any other case either: `Unavailable { reached: false }`.
pub(super) async fn exchange(
    exchange: &TokenExchange,
    key: &SecretString,
    endpoint: &Endpoint,
) -> Result<Token, Error> {
    let asked = Instant::now();
    let body = tokio::time::timeout(WITHIN, ask(exchange, key, endpoint)).await;
    let body = body.unwrap_or_else(|_elapsed| {
        let unreached = ErrorKind::Unavailable { reached: false };
        Err(Error::new(unreached, "no token came within 10 s"))
    })?;
    read(&body, asked, SystemTime::now())
}

async fn ask(
    exchange: &TokenExchange,
    key: &SecretString,
    endpoint: &Endpoint,
) -> Result<Vec<u8>, Error> {
    let segments: Vec<&str> = exchange.path.split('/').filter(|part| !part.is_empty()).collect();
    let request = endpoint.request(Method::POST, &segments);
    let (name, value) = match &exchange.client_id {
        Some(id) => {
            let pair = STANDARD.encode(format!("{id}:{}", key.expose_secret()));
            (AUTHORIZATION, header(&pair.into(), "Basic "))
        }
        None => (API_KEY, header(key, "")),
    };
    let request = request.header(name, value.expect("the key was found to be fit for a header"));
    let form = request.header(CONTENT_TYPE, FORM).body("grant_type=client_credentials");
    let response = endpoint.send_bare(form).await.map_err(unreached)?;
    let status = response.status();
    let body = response.read_up_to(MAX_ANSWER).await;
    if status.is_success() {
        return Ok(body);
    }
    Err(unreached(read_failure(status.as_u16(), None, &body)))
}

/// A failure to get a token: the operation itself was not sent.
fn unreached(error: Error) -> Error {
    let kind = match error.kind {
        ErrorKind::Unauthorized | ErrorKind::PolicyRefused | ErrorKind::Invalid => {
            ErrorKind::Unauthorized
        }
        ErrorKind::RateLimited { retry_after } => ErrorKind::RateLimited { retry_after },
        ErrorKind::CreditExhausted => ErrorKind::CreditExhausted,
        ErrorKind::NotFound
        | ErrorKind::Timeout
        | ErrorKind::Unavailable { .. }
        | ErrorKind::CapacityExhausted
        | ErrorKind::Preempted
        | ErrorKind::Conflict
        | ErrorKind::Protocol => ErrorKind::Unavailable { reached: false },
    };
    let words = error.detail.unwrap_or_default();
    Error::new(kind, readable(&format!("no token: {words}")))
}

/// The token in an answer to a question of this time.
pub(in crate::http) fn read(
    body: &[u8],
    asked: Instant,
    today: SystemTime,
) -> Result<Token, Error> {
    // serde's words may repeat what was found, and that may be the token.
    let no_token = |what: &str| {
        Error::new(ErrorKind::Unavailable { reached: false }, format!("no token: {what}"))
    };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| no_token("the answer has no `access_token`"))?;
    let secret = SecretString::from(answer.access_token);
    if secret.expose_secret().is_empty() || header(&secret, "Bearer ").is_err() {
        return Err(no_token("it holds characters that a header cannot carry"));
    }
    let stated = answer.expires_in.map(Duration::from_secs);
    let life = stated.or_else(|| life_of_jwt(secret.expose_secret(), today)).unwrap_or(LONGEST);
    if life.is_zero() {
        return Err(no_token("it is over already"));
    }
    Ok(Token::new(secret, asked, life))
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
    #[serde(default)]
    iat: Option<u64>,
}

/// How long a JWT lives, where it is one that says. Its own time of issue comes before our clock, which
/// may be wrong. The signature is the provider's to check.
fn life_of_jwt(token: &str, today: SystemTime) -> Option<Duration> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let today = today.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(claims.exp.saturating_sub(claims.iat.unwrap_or(today))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_ahead_of_its_end() {
        for (body, renew, end) in [
            (r#"{"access_token":"t","expires_in":100}"#.to_owned(), 80, 100),
            (r#"{"token":"t","expires_in":3600,"token_type":"Bearer"}"#.to_owned(), 3_540, 3_600),
            (jwt(r#"{"exp":1500,"iat":1400}"#), 80, 100),
            (jwt(r#"{"exp":1500}"#), 440, 500),
            (jwt(r#"{"sub":"no end"}"#), 86_340, 86_400),
            (r#"{"access_token":"opaque"}"#.to_owned(), 86_340, 86_400),
        ] {
            let asked = Instant::now();
            let token = read_at_1000(&body, asked).unwrap();
            let at = |seconds| token.urgency(asked + Duration::from_secs(seconds));
            assert_eq!(at(renew - 1), Some(Urgency::None), "{body}");
            assert_eq!((at(renew), at(end - 1)), (Some(Urgency::Soon), Some(Urgency::Soon)));
            assert_eq!(at(end), None, "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        for body in [
            "",
            "{}",
            r#"{"access_token":7}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"s3cret\n"}"#,
            r#"{"access_token":"s3cret","expires_in":"s3cret"}"#,
            r#"{"access_token":"s3cret","expires_in":0}"#,
            r#"{"access_token":"s3cret","expires_in":-1}"#,
        ] {
            let error = read_at_1000(body, Instant::now()).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Unavailable { reached: false }, "{body}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let over = jwt(r#"{"exp":999}"#);
        assert!(read_at_1000(&over, Instant::now()).is_err());
    }

    fn read_at_1000(body: &str, asked: Instant) -> Result<Token, Error> {
        read(body.as_bytes(), asked, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000))
    }

    fn jwt(claims: &str) -> String {
        format!(r#"{{"access_token":"e30.{}.sig"}}"#, URL_SAFE_NO_PAD.encode(claims))
    }
}
