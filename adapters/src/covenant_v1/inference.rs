//! Body of an inference. It is answered as in [`harpoon_v1`](crate::harpoon_v1), whole or streamed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Body of `POST /api/v1/inference/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InferenceRequest<'a> {
    /// The model's name.
    pub model: Cow<'a, str>,
    /// What is asked.
    pub prompt: Cow<'a, str>,
    /// How many tokens to generate.
    pub max_tokens: u32,
    /// Sampling temperature, 0 to 2; 0.7 when absent.
    #[serde(default = "default_temperature")]
    pub temperature: f64,
    /// An extension: whether to answer with server-sent events; `false` when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// An extension: length of the prompt in tokens as the caller counts it. A server with a tokenizer
    /// ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u32>,
}

fn default_temperature() -> f64 {
    connector::Temperature::default().as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inference_reads_as_the_founding_documents_write_it() {
        let text = r#"{"model":"gemma-270m","prompt":"hello","max_tokens":256,"temperature":0.7}"#;
        let request: InferenceRequest<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(
            (&*request.model, request.max_tokens, request.stream),
            ("gemma-270m", 256, false)
        );
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            text,
            "no extension unless it is used"
        );
    }
}
