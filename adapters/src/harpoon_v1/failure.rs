//! Errors on the wire: kind in the body, HTTP status for whoever reads no body.
//!
//! Writing is exact: a kind written by [`ErrorBody`] is read back as the same kind. Reading a body
//! of anybody else falls back on the status alone. There the mapping is pessimistic about whether
//! the provider acted: proxies answer 502, 503 and 504 both before and after passing a call on.

use connector::{Duration, Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// Longest text kept of a provider's own words, in bytes.
const MAX_DETAIL: usize = 300;

/// Body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// [`ErrorKind::name`].
    pub kind: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Of a rate limit: how long to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Of an unavailable provider: whether it may have acted; `true` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
}

impl From<&Error> for ErrorDetail {
    fn from(error: &Error) -> Self {
        let retry_after = error.kind.retry_after();
        let retry_after_ms = retry_after.map(|wait| wait.as_nanos().div_ceil(1_000_000));
        let reached = error.kind.reached();
        let message = error.detail.as_deref().unwrap_or_default().into();
        Self { kind: error.kind.name().into(), message, retry_after_ms, reached }
    }
}

impl ErrorDetail {
    /// The error it describes; `None` where the kind is not one of ours.
    pub fn to_error(&self) -> Option<Error> {
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind)?;
        let kind = match kind {
            ErrorKind::RateLimited { .. } => ErrorKind::RateLimited {
                retry_after: self.retry_after_ms.map(Duration::from_millis),
            },
            ErrorKind::Unavailable { .. } => {
                ErrorKind::Unavailable { reached: self.reached.unwrap_or(true) }
            }
            ErrorKind::Timeout
            | ErrorKind::CapacityExhausted
            | ErrorKind::Preempted
            | ErrorKind::PolicyRefused
            | ErrorKind::CreditExhausted
            | ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::Protocol => kind,
        };
        let detail = readable(&self.message);
        Some(Error { kind, detail: (!detail.is_empty()).then_some(detail) })
    }
}

/// The HTTP status that goes with a kind of error.
pub const fn status_of(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Invalid => 400,
        ErrorKind::Unauthorized => 401,
        ErrorKind::CreditExhausted => 402,
        ErrorKind::PolicyRefused => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict | ErrorKind::Preempted => 409,
        ErrorKind::RateLimited { .. } => 429,
        ErrorKind::Protocol => 502,
        ErrorKind::Unavailable { .. } => 503,
        ErrorKind::Timeout => 504,
        ErrorKind::CapacityExhausted => 507,
    }
}

/// What an answer that is not a success means.
///
/// `retry_after` is the header of that name; only its form in seconds is understood. A date would
/// have to be compared with a clock that the provider does not share.
pub fn read_failure(status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
    let error = hidden_failure(body).unwrap_or_else(|| {
        let words = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_DETAIL)]);
        Error::new(kind_of(status), described(status, &words))
    });
    with_retry_after(error, retry_after)
}

/// The failure that a body tells whatever its status: some providers answer a refusal with a success.
pub(crate) fn hidden_failure(body: &[u8]) -> Option<Error> {
    serde_json::from_slice::<ErrorBody>(body).ok()?.error.to_error()
}

/// A status with the words that came with it.
pub(crate) fn described(status: u16, words: &str) -> String {
    let words = readable(words);
    if words.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {words}") }
}

/// A rate limit that does not say how long to wait is told by the header of that name, in seconds.
pub(crate) fn with_retry_after(mut error: Error, retry_after: Option<&str>) -> Error {
    if let ErrorKind::RateLimited { retry_after: wait @ None } = &mut error.kind {
        let seconds = retry_after.and_then(|text| text.trim().parse().ok());
        *wait = seconds.map(Duration::from_secs);
    }
    error
}

/// The kind behind a status whose body says nothing.
pub const fn kind_of(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthorized,
        402 => ErrorKind::CreditExhausted,
        403 | 451 => ErrorKind::PolicyRefused,
        404 | 410 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited { retry_after: None },
        400..=499 => ErrorKind::Invalid,
        507 => ErrorKind::CapacityExhausted,
        500..=599 => ErrorKind::Unavailable { reached: true },
        // Redirects are never followed, and a success is not read here.
        _ => ErrorKind::Protocol,
    }
}

/// Foreign text made safe to print: no control characters (terminals obey them), bounded.
pub(crate) fn readable(text: &str) -> Box<str> {
    let mut kept = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty())
    {
        let separator = usize::from(!kept.is_empty());
        let room = MAX_DETAIL.saturating_sub(kept.len() + separator);
        if word.len() > room {
            kept.push('…');
            break;
        }
        if separator == 1 {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire() {
        let slow = ErrorKind::RateLimited { retry_after: Some(Duration::from_millis(1_500)) };
        for kind in ErrorKind::ALL.into_iter().chain([slow]) {
            let error = Error::new(kind, "in words");
            let body = serde_json::to_vec(&ErrorBody { error: (&error).into() }).unwrap();
            assert_eq!(read_failure(status_of(kind), None, &body), error);
        }
    }

    #[test]
    fn an_unknown_body_is_judged_by_its_status_alone() {
        let limited = ErrorKind::RateLimited { retry_after: None };
        for (status, kind) in [
            (302, ErrorKind::Protocol),
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Unauthorized),
            (402, ErrorKind::CreditExhausted),
            (403, ErrorKind::PolicyRefused),
            (404, ErrorKind::NotFound),
            (408, ErrorKind::Timeout),
            (409, ErrorKind::Conflict),
            (410, ErrorKind::NotFound),
            (413, ErrorKind::Invalid),
            (418, ErrorKind::Invalid),
            (429, limited),
            (500, ErrorKind::Unavailable { reached: true }),
            (503, ErrorKind::Unavailable { reached: true }),
            (504, ErrorKind::Timeout),
            (507, ErrorKind::CapacityExhausted),
        ] {
            for body in ["", "<html>no</html>", r#"{"error":{"kind":"moody"}}"#, r#"{"code":7}"#] {
                assert_eq!(read_failure(status, None, body.as_bytes()).kind, kind, "{status}");
            }
        }
    }

    #[test]
    fn retry_after_is_honoured_in_seconds_and_the_body_is_more_exact() {
        let waits = |error: Error| match error.kind {
            ErrorKind::RateLimited { retry_after } => retry_after,
            other => panic!("{other}"),
        };
        assert_eq!(waits(read_failure(429, Some("3"), b"")), Some(Duration::from_secs(3)));
        assert_eq!(waits(read_failure(429, Some("Fri, 20 Nov 2026 12:00:00 GMT"), b"")), None);
        let body = br#"{"error":{"kind":"rate_limited","message":"","retry_after_ms":250}}"#;
        assert_eq!(waits(read_failure(429, Some("1"), body)), Some(Duration::from_millis(250)));
    }

    #[test]
    fn foreign_words_are_bounded_and_cannot_drive_a_terminal() {
        let html = format!("<html>\u{1b}[2J\n<b>down</b> {}", "x ".repeat(100_000));
        let detail = read_failure(500, None, html.as_bytes()).detail.unwrap();
        assert!(detail.starts_with("HTTP 500: <html> [2J <b>down</b> x x"), "{detail}");
        assert!(detail.len() < MAX_DETAIL + 20 && !detail.contains('\u{1b}'));
        assert!(read_failure(500, None, &[0xff; 10_000]).detail.unwrap().len() < MAX_DETAIL + 20);
    }
}
