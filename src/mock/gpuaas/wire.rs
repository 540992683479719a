//! Answers as HostedAI writes them, and as it was seen to write them.

use adapters::gpuaas::{FailureBody, WireId};
use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use connector::{Error, ErrorKind, PoolId};
use futures_util::{StreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    super::routes::{JSON, Refused, Shop},
    quirks::GpuaasQuirk,
};

/// A refusal in words of the dialect.
pub(in crate::mock) fn refusal(Refused { error, status }: &Refused) -> Vec<u8> {
    let words = error.detail.as_deref().unwrap_or(error.kind.name());
    let code = match error.kind {
        ErrorKind::CapacityExhausted => Some(10_189_007),
        ErrorKind::PolicyRefused => Some(12_370_004),
        ErrorKind::Timeout
        | ErrorKind::Unavailable { .. }
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Preempted
        | ErrorKind::CreditExhausted
        | ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Protocol => Some(u64::from(status.as_u16())),
    };
    let body = FailureBody { code, message: Some(words.to_owned()), error: None };
    serde_json::to_vec(&body).expect("an error is made of text and numbers")
}

/// How HostedAI says that somebody is refused: with 500, where the code says the rest.
pub(super) fn refused(error: Error) -> Refused {
    // The simulator says so itself where its region has the quirk of failing instead of refusing.
    let code = error.detail.as_deref().and_then(|words| words.split(':').next());
    let kind = match code {
        Some("10189007") => ErrorKind::CapacityExhausted,
        Some("12370004") => ErrorKind::PolicyRefused,
        Some(_) | None => error.kind,
    };
    let error = Error { kind, ..error };
    let status = match error.kind {
        ErrorKind::CapacityExhausted | ErrorKind::PolicyRefused => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        ErrorKind::Timeout
        | ErrorKind::Unavailable { .. }
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Preempted
        | ErrorKind::CreditExhausted
        | ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Protocol => return error.into(),
    };
    let words = if error.kind == ErrorKind::CapacityExhausted {
        "Insufficient resources"
    } else {
        "unable to retrieve resource access permissions for your team"
    };
    Refused { status, error: Error::new(error.kind, words) }
}

pub(super) fn invalid(words: impl Into<Box<str>>) -> Refused {
    Error::new(ErrorKind::Invalid, words).into()
}

pub(super) fn not_found(what: &str) -> Refused {
    Error::new(ErrorKind::NotFound, format!("{what} not found")).into()
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the body is no request: {error}")))
}

/// The number of a pool on the wire.
pub(super) fn number_of(pool: PoolId) -> WireId {
    WireId::from(u64::from(pool.0) + 1)
}

/// The pool of a number on the wire.
pub(super) fn pool_of(shop: &Shop, id: &WireId) -> Result<PoolId, Refused> {
    let number = id.number().and_then(|number| number.checked_sub(1));
    let pool = number.and_then(|number| u32::try_from(number).ok()).map(PoolId);
    pool.filter(|&pool| shop.names.pool(pool).is_some()).ok_or_else(|| not_found("pool"))
}

/// One object.
pub(super) fn object(shop: &Shop, body: &impl Serialize) -> Response {
    let mut value = to_value(body);
    distort(shop, &mut value);
    written(&value)
}

/// Rows in the shape of a list.
pub(super) fn list(shop: &Shop, rows: &[impl Serialize]) -> Response {
    let mut value = Value::Array(rows.iter().map(to_value).collect());
    distort(shop, &mut value);
    if shop.gpuaas.quirks.has(GpuaasQuirk::Aliases) {
        let key = ["items", "pools"][shop.gpuaas.turn() as usize % 2];
        value = Value::Object(Map::from_iter([(key.to_owned(), value)]));
    }
    written(&value)
}

pub(super) fn written(value: &Value) -> Response {
    ([JSON], value.to_string()).into_response()
}

/// A success that nobody reads.
pub(super) fn done(shop: &Shop) -> Response {
    let is_text = shop.gpuaas.quirks.has(GpuaasQuirk::PlainText);
    let body = if is_text { "OK" } else { "" };
    (StatusCode::OK, body).into_response()
}

/// The beginning of an answer, and then nothing for ever.
pub(super) fn stalling() -> Response {
    let beginning = stream::once(async { Ok::<_, std::convert::Infallible>(Bytes::from("{")) });
    let body = Body::from_stream(beginning.chain(stream::pending()));
    ([JSON], body).into_response()
}

fn to_value(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("answers are made of text and numbers")
}

/// Fields that go by two names, of which a client must know both.
const ALIASES: [(&str, &str); 5] = [
    ("status", "subscription_status"),
    ("pool_name", "pool_label"),
    ("available_vgpus", "available_gpus"),
    ("pricing_hourly", "price_per_hour"),
    ("name", "region_name"),
];

/// Ids that come as numbers in one answer and as text in another.
const IDS: [&str; 5] = ["id", "pool_id", "subscription_id", "gpuaas_id", "region_id"];

/// What is on of pathologies 15, 16 and 38.
fn distort(shop: &Shop, value: &mut Value) {
    let quirks = &shop.gpuaas.quirks;
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| distort(shop, row)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| distort(shop, value));
            if quirks.has(GpuaasQuirk::TextIds) {
                for key in IDS {
                    if let Some(id) = fields.get_mut(key).filter(|id| id.is_u64()) {
                        *id = id.to_string().into();
                    }
                }
            }
            if quirks.has(GpuaasQuirk::Aliases) && fields.contains_key("id") {
                for (name, alias) in ALIASES {
                    if let Some(value) = fields.remove(name) {
                        fields.insert(alias.to_owned(), value);
                    }
                }
            }
            if quirks.has(GpuaasQuirk::UnknownFields) {
                fields.insert("general".into(), Value::Object(Map::new()));
                fields.insert("has_general_policies".into(), true.into());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
