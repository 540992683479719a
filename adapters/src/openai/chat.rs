//! Bodies of a chat completion, whole and streamed.
//!
//! What only servers write ([`Completion::id`] and the like) is not read: engines differ in it, and no
//! difference there may spoil an answer.

use std::borrow::Cow;

use connector::{Tokens, Usage};
use serde::{Deserialize, Serialize};

use super::{MessageContent, OpenAiError};

/// Body of `POST /v1/chat/completions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest<'a> {
    /// The model's name.
    #[serde(borrow)]
    pub model: Cow<'a, str>,
    /// The conversation so far; ours is one message of the user.
    #[serde(borrow)]
    pub messages: Vec<ChatMessage<'a>>,
    /// How many tokens to generate at most. The older name, which every engine understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The same by its newer name, which counts if both are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many answers; one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Whether to answer with server-sent events; `false` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What a stream is to tell besides its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage<'a> {
    /// `system`, `user` or `assistant`.
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    /// What was said.
    #[serde(default, borrow)]
    pub content: MessageContent<'a>,
}

/// What a stream is to tell besides its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOptions {
    /// Whether the last chunk counts the tokens.
    #[serde(default)]
    pub include_usage: bool,
    /// Whether every chunk counts the tokens so far, as vLLM does if asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continuous_usage_stats: bool,
}

/// Answer to a completion that is not streamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatResponse<'a> {
    /// The server's name for this answer.
    #[serde(default, skip_deserializing)]
    pub id: Cow<'a, str>,
    /// `chat.completion`.
    #[serde(default, skip_deserializing)]
    pub object: Cow<'a, str>,
    /// When it was asked for, in seconds since 1970.
    #[serde(default, skip_deserializing)]
    pub created: u64,
    /// The model's name.
    #[serde(default, skip_deserializing)]
    pub model: Cow<'a, str>,
    /// The answers; one, unless more were asked for.
    pub choices: Vec<ChatChoice>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<ChatUsage>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatChoice {
    /// Its number, from 0.
    #[serde(default, skip_deserializing)]
    pub index: u32,
    /// What was said.
    pub message: ReplyMessage,
    /// `stop`, `length` or another word; absent while there is more to come.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyMessage {
    /// `assistant`.
    #[serde(default, skip_deserializing)]
    pub role: &'static str,
    /// The text.
    #[serde(default)]
    pub content: Option<String>,
    /// What was thought before it, where the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
}

/// What servers write of completions: the payload of one server-sent event, or all of an answer of
/// plain text. `C` is what is said of one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Completion<'a, C> {
    /// The server's name for this answer, the same in every event.
    #[serde(default, skip_deserializing)]
    pub id: Cow<'a, str>,
    /// `chat.completion.chunk` or `text_completion`.
    #[serde(default, skip_deserializing)]
    pub object: Cow<'a, str>,
    /// When it was asked for, in seconds since 1970.
    #[serde(default, skip_deserializing)]
    pub created: u64,
    /// The model's name.
    #[serde(default, skip_deserializing)]
    pub model: Cow<'a, str>,
    /// Further text; empty in the event that counts the tokens.
    #[serde(default = "Vec::new")]
    pub choices: Vec<C>,
    /// What was counted; `null` in every event but the last.
    #[serde(default)]
    pub usage: Option<ChatUsage>,
    /// The completion failed after the stream had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OpenAiError>,
}

/// The JSON payload of one server-sent event of a chat completion.
pub type ChatChunk<'a> = Completion<'a, ChunkChoice<'a>>;

/// Further text of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkChoice<'a> {
    /// Its number, from 0.
    #[serde(default, skip_deserializing)]
    pub index: u32,
    /// What is new.
    #[serde(default, borrow)]
    pub delta: Delta<'a>,
    /// Why the answer ends here; absent while there is more to come.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    pub finish_reason: Option<Cow<'a, str>>,
}

/// What is new in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta<'a> {
    /// `assistant`, in the first chunk.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Further text.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Cow<'a, str>>,
    /// Further thought, where the engine tells.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
}

/// Tokens as the engine counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatUsage {
    /// Prompt tokens.
    #[serde(default)]
    pub prompt_tokens: u32,
    /// Generated tokens, thought included.
    #[serde(default)]
    pub completion_tokens: u32,
    /// Both together.
    #[serde(default, skip_deserializing)]
    pub total_tokens: u64,
    /// What the prompt's tokens were, where the engine tells. vLLM does if it is started with
    /// `--enable-prompt-tokens-details`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptTokensDetails>,
}

/// What the tokens of a prompt were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokensDetails {
    /// Those of them that a cache held; absent or `null` counts as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u32>,
}

impl From<Usage> for ChatUsage {
    fn from(usage: Usage) -> Self {
        let (prompt, cached, output) = (usage.prompt, usage.cached.get(), usage.output);
        let details = PromptTokensDetails { cached_tokens: Some(cached) };
        Self {
            prompt_tokens: prompt.get(),
            completion_tokens: output.get(),
            total_tokens: u64::from(prompt.get()) + u64::from(output.get()),
            prompt_tokens_details: (cached > 0).then_some(details),
        }
    }
}

impl From<ChatUsage> for Usage {
    fn from(body: ChatUsage) -> Self {
        let cached = body.prompt_tokens_details.and_then(|details| details.cached_tokens);
        Self {
            prompt: Tokens::new(body.prompt_tokens),
            cached: Tokens::new(cached.unwrap_or_default().min(body.prompt_tokens)),
            output: Tokens::new(body.completion_tokens),
        }
    }
}

/// Answer to `GET /v1/models`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// `list`.
    #[serde(default, skip_deserializing)]
    pub object: &'static str,
    /// The models served.
    pub data: Vec<ModelBody>,
}

/// A model that is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelBody {
    /// Its name.
    pub id: String,
    /// `model`.
    #[serde(default, skip_deserializing)]
    pub object: &'static str,
    /// When it was made available, in seconds since 1970.
    #[serde(default, skip_deserializing)]
    pub created: u64,
    /// Who serves it.
    #[serde(default, skip_deserializing)]
    pub owned_by: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_reference_shows() {
        let request = ChatRequest {
            model: "llama-3-8b".into(),
            messages: vec![ChatMessage {
                role: "user".into(),
                content: MessageContent::Text("Hello!".into()),
            }],
            max_tokens: Some(2),
            max_completion_tokens: None,
            temperature: Some(0.7),
            n: None,
            stream: Some(true),
            stream_options: Some(StreamOptions {
                include_usage: true,
                continuous_usage_stats: false,
            }),
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"model":"llama-3-8b","messages":[{"role":"user","content":"Hello!"}],"max_tokens":2,"temperature":0.7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
    }

    #[test]
    fn chunks_of_several_engines_are_read() {
        let chunk = |text| serde_json::from_str::<ChatChunk<'_>>(text).unwrap();
        let role = chunk(
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        );
        assert_eq!(role.choices[0].delta, Delta::default());
        let thought = chunk(r#"{"choices":[{"delta":{"reasoning_content":"hm \"so\""}}]}"#);
        assert_eq!(thought.choices[0].delta.reasoning_content.as_deref(), Some("hm \"so\""));
        let last = chunk(
            r#"{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":16}},"timings":{"predicted_n":10}}"#,
        );
        let usage = Usage::from(last.usage.unwrap());
        assert_eq!((usage.prompt.get(), usage.cached.get(), usage.output.get()), (19, 16, 10));
    }

    #[test]
    fn a_server_writes_what_it_does_not_read() {
        let usage =
            Usage { cached: Tokens::new(2), ..Usage::computed(Tokens::new(7), Tokens::new(1)) };
        let chunk = ChatChunk {
            id: "chatcmpl-1".into(),
            object: "chat.completion.chunk".into(),
            created: 5,
            model: "m".into(),
            usage: Some(usage.into()),
            ..ChatChunk::default()
        };
        let text = serde_json::to_string(&chunk).unwrap();
        assert_eq!(
            text,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":2}}}"#
        );
        let odd = text.replace("\"created\":5", "\"created\":5.25");
        let read: ChatChunk<'_> = serde_json::from_str(&odd).unwrap();
        assert_eq!(read.usage.map(Usage::from), Some(usage));
    }

    #[test]
    fn a_prompt_of_which_nothing_is_said_was_in_no_cache() {
        for details in ["", r#","prompt_tokens_details":null"#, r#","prompt_tokens_details":{}"#] {
            let body = format!(r#"{{"prompt_tokens":19,"completion_tokens":1{details}}}"#);
            let body: ChatUsage = serde_json::from_str(&body).unwrap();
            assert_eq!(Usage::from(body), Usage::computed(Tokens::new(19), Tokens::new(1)));
        }
        let body = r#"{"prompt_tokens":19,"prompt_tokens_details":{"cached_tokens":20}}"#;
        let usage = Usage::from(serde_json::from_str::<ChatUsage>(body).unwrap());
        assert_eq!(usage.cached, usage.prompt, "no more than there are");
    }
}
