//! Bodies of an inference, whole and streamed.

use std::borrow::Cow;

use connector::{Tokens, Usage};
use serde::{Deserialize, Serialize};

/// Payload of the last event of a stream.
pub const DONE: &str = "[DONE]";

/// Body of `POST /v1/inference`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InferenceRequest<'a> {
    /// The share to run on.
    pub allocation_id: Cow<'a, str>,
    /// What is asked.
    pub prompt: Cow<'a, str>,
    /// Sampling temperature, 0 to 2; 0.7 when absent.
    #[serde(default = "default_temperature")]
    pub temperature: f64,
    /// How many tokens to generate.
    pub max_tokens: u32,
    /// Whether to answer with server-sent events; `false` when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// Length of the prompt in tokens as the caller counts it. A server with a tokenizer ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u32>,
}

fn default_temperature() -> f64 {
    connector::Temperature::default().as_f64()
}

/// Answer to an inference that is not streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceResponse {
    /// The generated text.
    pub text: String,
    /// What was counted.
    pub usage: UsageBody,
}

/// Tokens as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageBody {
    /// Prompt tokens.
    pub prompt_tokens: u32,
    /// Generated tokens.
    pub output_tokens: u32,
    /// Prompt tokens that a cache held; none when absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_tokens: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(tokens: &u32) -> bool {
    *tokens == 0
}

impl From<Usage> for UsageBody {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt.get(),
            output_tokens: usage.output.get(),
            cached_tokens: usage.cached.get(),
        }
    }
}

impl From<UsageBody> for Usage {
    fn from(body: UsageBody) -> Self {
        Self {
            prompt: Tokens::new(body.prompt_tokens),
            cached: Tokens::new(body.cached_tokens.min(body.prompt_tokens)),
            output: Tokens::new(body.output_tokens),
        }
    }
}

/// The JSON payload of one server-sent event: one of the fields, in this order over the stream.
///
/// A stream is any number of `delta`, at most one `preempted` among them, then either `usage` or
/// `error`, then [`DONE`]. Frames with none of the fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFrame<'a> {
    /// Further text.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<Cow<'a, str>>,
    /// The share under the inference will be taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preempted: Option<PreemptedNotice>,
    /// The inference is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageBody>,
    /// The inference failed after the stream had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<super::ErrorDetail>,
}

/// Notice that a share will be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreemptedNotice {
    /// How long it stays, in milliseconds.
    pub grace_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inference_reads_as_the_founding_documents_write_it() {
        let request: InferenceRequest<'_> = serde_json::from_str(
            r#"{"allocation_id":"alloc_123","prompt":"hello","temperature":0.2,"max_tokens":256}"#,
        )
        .unwrap();
        assert_eq!((request.max_tokens, request.stream), (256, false));
        let bare = r#"{"allocation_id":"a","prompt":"","max_tokens":1}"#;
        let bare: InferenceRequest<'_> = serde_json::from_str(bare).unwrap();
        assert!((bare.temperature - 0.7).abs() < 1e-9);
    }

    #[test]
    fn tokens_that_a_cache_held_are_told_if_there_are_any() {
        let computed = Usage::computed(Tokens::new(19), Tokens::new(2));
        let written = |usage: Usage| serde_json::to_string(&UsageBody::from(usage)).unwrap();
        assert_eq!(written(computed), r#"{"prompt_tokens":19,"output_tokens":2}"#);
        let some_held = Usage { cached: Tokens::new(16), ..computed };
        let body = r#"{"prompt_tokens":19,"output_tokens":2,"cached_tokens":16}"#;
        assert_eq!(written(some_held), body);
        for usage in [computed, some_held] {
            let read: UsageBody = serde_json::from_str(&written(usage)).unwrap();
            assert_eq!(Usage::from(read), usage);
        }
        let more_than_all = UsageBody { prompt_tokens: 1, output_tokens: 1, cached_tokens: 2 };
        assert_eq!(Usage::from(more_than_all).cached, Tokens::new(1));
    }

    #[test]
    fn a_frame_carries_only_what_it_says() {
        let frame = StreamFrame { delta: Some("hi".into()), ..StreamFrame::default() };
        assert_eq!(serde_json::to_string(&frame).unwrap(), r#"{"delta":"hi"}"#);
        let unknown: StreamFrame<'_> = serde_json::from_str(r#"{"ping":1}"#).unwrap();
        assert_eq!(unknown, StreamFrame::default());
    }
}
