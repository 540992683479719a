//! Errors of OpenAI-compatible endpoints.

use connector::{Error, ErrorKind};
use serde::{Deserialize, Deserializer, Serialize};

use crate::harpoon_v1::{described, kind_of, with_retry_after};

/// What went wrong: the object below `error`, or, with some engines, the body itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAiError {
    /// For people.
    #[serde(default)]
    pub message: String,
    /// A word such as `invalid_request_error`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// A word such as `insufficient_quota`. Some engines put the status here.
    #[serde(default, deserialize_with = "text_or_number")]
    pub code: Option<String>,
}

/// Body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    /// What went wrong.
    pub error: OpenAiError,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Wrapped(ErrorEnvelope),
    Plain(Words),
}

/// A body without `error`: at least a message, or it is not one of ours.
#[derive(Deserialize)]
struct Words {
    #[serde(alias = "detail")]
    message: String,
}

impl OpenAiError {
    /// An error as a server of this dialect puts it under this status. It says no more than the
    /// status but where [`to_error`](Self::to_error) needs it.
    pub fn new(error: &Error, status: u16) -> Self {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        let code = match error.kind {
            ErrorKind::CreditExhausted => "insufficient_quota".into(),
            ErrorKind::Timeout
            | ErrorKind::Unavailable { .. }
            | ErrorKind::RateLimited { .. }
            | ErrorKind::CapacityExhausted
            | ErrorKind::Preempted
            | ErrorKind::PolicyRefused
            | ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::Protocol => status.to_string(),
        };
        let message = error.detail.as_deref().unwrap_or(error.kind.name()).into();
        Self { message, kind: Some(kind.into()), code: Some(code) }
    }

    /// The error under this HTTP status; of a stream that had begun, under 500.
    ///
    /// Quota that is spent comes with the status of a rate limit, but no waiting helps.
    pub fn to_error(&self, status: u16) -> Error {
        let code = self.code.as_deref().or(self.kind.as_deref());
        let kind = match code {
            Some("insufficient_quota" | "billing_hard_limit_reached") => ErrorKind::CreditExhausted,
            Some("context_length_exceeded") => ErrorKind::Invalid,
            Some("model_not_found") => ErrorKind::NotFound,
            Some(_) | None => kind_of(status),
        };
        Error::new(kind, described(status, &self.message))
    }
}

/// What an answer that is not a success means. `retry_after` is the header of that name, in seconds.
pub fn read_failure(status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
    let error = match serde_json::from_slice(body) {
        Ok(Body::Wrapped(ErrorEnvelope { error })) => error.to_error(status),
        Ok(Body::Plain(Words { message })) => {
            Error::new(kind_of(status), described(status, &message))
        }
        Err(_) => Error::new(kind_of(status), described(status, &String::from_utf8_lossy(body))),
    };
    with_retry_after(error, retry_after)
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code {
        Text(String),
        Number(i64),
    }
    let code = Option::<Code>::deserialize(deserializer)?;
    Ok(code.map(|code| match code {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use connector::Duration;

    use super::*;

    #[test]
    fn bodies_of_several_engines_are_understood() {
        for (status, body, kind, words) in [
            (
                404,
                r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                ErrorKind::NotFound,
                "HTTP 404: The model `x` does not exist",
            ),
            (
                400,
                r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
                ErrorKind::Invalid,
                "HTTP 400: too long",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                ErrorKind::Unavailable { reached: true },
                "HTTP 503: Loading model",
            ),
            (404, r#"{"detail":"Not Found"}"#, ErrorKind::NotFound, "HTTP 404: Not Found"),
            (
                429,
                r#"{"error":{"message":"spent","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                ErrorKind::CreditExhausted,
                "HTTP 429: spent",
            ),
            (
                500,
                "<html>no</html>",
                ErrorKind::Unavailable { reached: true },
                "HTTP 500: <html>no</html>",
            ),
            (401, "", ErrorKind::Unauthorized, "HTTP 401"),
        ] {
            let error = read_failure(status, None, body.as_bytes());
            assert_eq!((error.kind, error.detail.as_deref()), (kind, Some(words)), "{body}");
        }
    }

    #[test]
    fn a_rate_limit_tells_when_to_come_back() {
        let body =
            br#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#;
        let error = read_failure(429, Some("2"), body);
        let retry_after = Some(Duration::from_secs(2));
        assert_eq!(error.kind, ErrorKind::RateLimited { retry_after });
    }
}
