//! Errors of HostedAI: a code that says what happened, whatever the status is.

use connector::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::harpoon_v1::{described, kind_of, with_retry_after};

/// Body of most answers that are not a success, and of some that are (pathology 20).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureBody {
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u64>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The same, with some calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The team's resource policy is missing or broken.
const BROKEN_POLICY: u64 = 12_370_004;
/// The pool is full.
const POOL_FULL: u64 = 10_189_007;
/// The team is unknown to the platform.
const UNKNOWN_TEAM: u64 = 12_330_015;
/// Something is missing from the question.
const INCOMPLETE: u64 = 12_330_009;

/// Messages by which clients recognise what has no code, in lower case. A whole beginning, never a
/// part: a host called `4096` was once read as status 409 (pathology 28).
const SAID: [(&str, ErrorKind); 6] = [
    ("insufficient resources", ErrorKind::CapacityExhausted),
    ("failed to validate subscription resources", ErrorKind::CapacityExhausted),
    ("unable to retrieve resource access permissions", ErrorKind::PolicyRefused),
    // What a call to another cluster says, too (pathology 34): it is no share that is not found.
    ("team not found", ErrorKind::PolicyRefused),
    ("failed to process team", ErrorKind::PolicyRefused),
    ("already subscribed", ErrorKind::Conflict),
];

impl FailureBody {
    /// The kind that its code, or else its message, stands for.
    fn kind(&self) -> Option<ErrorKind> {
        let by_code = match self.code {
            Some(BROKEN_POLICY | UNKNOWN_TEAM) => Some(ErrorKind::PolicyRefused),
            Some(POOL_FULL) => Some(ErrorKind::CapacityExhausted),
            Some(INCOMPLETE) => Some(ErrorKind::Invalid),
            Some(_) | None => None,
        };
        let words = self.words().trim().to_ascii_lowercase();
        let said = || SAID.into_iter().find(|(beginning, _)| words.starts_with(beginning));
        by_code.or_else(|| said().map(|(_, kind)| kind))
    }

    fn words(&self) -> &str {
        self.message.as_deref().or(self.error.as_deref()).unwrap_or_default()
    }

    fn with_code(&self) -> String {
        match self.code {
            Some(code) => format!("{code}: {}", self.words()),
            None => self.words().to_owned(),
        }
    }
}

/// What an answer that is not a success means. `retry_after` is the header of that name, in seconds.
pub fn read_failure(status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
    let failure = serde_json::from_slice(body).unwrap_or_else(|_| {
        // Words without an envelope.
        let message = Some(String::from_utf8_lossy(body).into());
        FailureBody { message, ..FailureBody::default() }
    });
    let kind = failure.kind().unwrap_or(kind_of(status));
    let error = Error::new(kind, described(status, &failure.with_code()));
    with_retry_after(error, retry_after)
}

/// The refusal that the body of a success is, if it is one: an object with an error's code, or with an
/// error's words and nothing else.
///
/// A code that nobody knows is `Protocol`: what came of the call is not known either.
pub fn refusal_in(body: &[u8]) -> Option<Error> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let object = value.as_object()?;
    let is_envelope = |key: &String| {
        matches!(key.as_str(), "code" | "message" | "error" | "errors" | "status" | "success")
    };
    if object.is_empty() || !object.keys().all(is_envelope) {
        return None;
    }
    let failure: FailureBody = serde_json::from_slice(body).ok()?;
    let has_code = failure.code.is_some_and(|code| code != 0 && code != 200);
    if !has_code && failure.error.is_none() && failure.kind().is_none() {
        return None;
    }
    let kind = failure.kind().unwrap_or(ErrorKind::Protocol);
    Some(Error::new(kind, described(200, &failure.with_code())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> ErrorKind {
        read_failure(status, None, body.as_bytes()).kind
    }

    #[test]
    fn p20_the_code_decides_whatever_the_status() {
        for status in [200, 400, 403, 409, 500, 503] {
            let policy = r#"{"code":12370004,"message":"x","errors":[]}"#;
            assert_eq!(kind(status, policy), ErrorKind::PolicyRefused);
            assert_eq!(kind(status, r#"{"code":10189007}"#), ErrorKind::CapacityExhausted);
        }
        let full = r#"{"error":"Failed to validate subscription resources: none left"}"#;
        assert_eq!(kind(500, full), ErrorKind::CapacityExhausted);
        assert_eq!(kind(500, "Insufficient resources"), ErrorKind::CapacityExhausted);
    }

    #[test]
    fn p20_a_success_may_be_a_refusal() {
        let refusal = |body: &str| refusal_in(body.as_bytes()).map(|error| error.kind);
        let policy = r#"{"code":12370004,"message":"unable to retrieve"}"#;
        assert_eq!(refusal(policy), Some(ErrorKind::PolicyRefused));
        assert_eq!(refusal(r#"{"code":77,"message":"?"}"#), Some(ErrorKind::Protocol));
        assert_eq!(
            refusal(r#"{"error":"Insufficient resources"}"#),
            Some(ErrorKind::CapacityExhausted)
        );
        for body in ["", "ok", "{}", r#"{"message":"done"}"#, r#"{"subscription_id":7,"code":1}"#] {
            assert_eq!(refusal(body), None, "{body}");
        }
    }

    #[test]
    fn p28_a_number_in_the_text_is_no_status() {
        let body = r#"{"message":"upstream gpu-4096 said 409 and 404"}"#;
        assert_eq!(kind(500, body), ErrorKind::Unavailable { reached: true });
        assert_eq!(kind(500, "host 4096 is down"), ErrorKind::Unavailable { reached: true });
        assert_eq!(kind(409, r#"{"message":"Already subscribed"}"#), ErrorKind::Conflict);
    }

    #[test]
    fn p34_a_team_that_another_cluster_does_not_know_is_no_share_that_is_gone() {
        for status in [200, 400, 404, 500] {
            assert_eq!(kind(status, r#"{"message":"team not found"}"#), ErrorKind::PolicyRefused);
        }
        assert_eq!(kind(404, r#"{"message":"subscription not found"}"#), ErrorKind::NotFound);
    }

    #[test]
    fn words_are_bounded_and_tell_code_and_status() {
        let error = read_failure(500, None, br#"{"code":7,"message":"no \u001b[2J"}"#);
        assert_eq!(error.detail.as_deref(), Some("HTTP 500: 7: no [2J"));
        let long = format!(r#"{{"message":"{}"}}"#, "x ".repeat(9_000));
        assert!(read_failure(500, None, long.as_bytes()).detail.unwrap().len() < 330);
    }
}
