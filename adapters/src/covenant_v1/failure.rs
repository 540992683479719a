//! Errors of the dialect. No document shows them, so everything that HostedAI's clients meet is read.

use connector::Error;
use serde::Deserialize;

use crate::harpoon_v1::{described, hidden_failure, kind_of, with_retry_after};

/// `{code, message, errors}` of HostedAI's API, where `error` and `detail` are seen for `message`.
#[derive(Deserialize)]
struct Envelope {
    #[serde(alias = "error", alias = "detail")]
    message: String,
}

/// What an answer that is not a success means: the kind of our own [`ErrorBody`] decides, or else the
/// status alone. `retry_after` is the header of that name, in seconds.
///
/// [`ErrorBody`]: crate::harpoon_v1::ErrorBody
pub fn read_failure(status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
    let error = hidden_failure(body).unwrap_or_else(|| {
        let words = match serde_json::from_slice::<Envelope>(body) {
            Ok(envelope) => envelope.message,
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        Error::new(kind_of(status), described(status, &words))
    });
    with_retry_after(error, retry_after)
}

#[cfg(test)]
mod tests {
    use connector::ErrorKind;

    use super::*;

    #[test]
    fn the_words_of_several_envelopes_are_found() {
        for (status, body, kind, words) in [
            (
                409,
                r#"{"code":10189007,"message":"Insufficient resources","errors":[]}"#,
                ErrorKind::Conflict,
                "HTTP 409: Insufficient resources",
            ),
            (404, r#"{"error":"team not found"}"#, ErrorKind::NotFound, "HTTP 404: team not found"),
            (401, r#"{"detail":"expired"}"#, ErrorKind::Unauthorized, "HTTP 401: expired"),
            (
                500,
                "<html>no</html>",
                ErrorKind::Unavailable { reached: true },
                "HTTP 500: <html>no</html>",
            ),
            (
                400,
                r#"{"error":{"kind":"capacity_exhausted","message":"full"}}"#,
                ErrorKind::CapacityExhausted,
                "full",
            ),
        ] {
            let error = read_failure(status, None, body.as_bytes());
            assert_eq!((error.kind, error.detail.as_deref()), (kind, Some(words)), "{body}");
        }
    }
}
