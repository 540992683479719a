//! The dialect `openai`: chat completions as local engines serve them (vLLM, llama.cpp, MLX, and
//! OpenAI itself).
//!
//! | call | operation |
//! | --- | --- |
//! | `POST /v1/chat/completions` | [`Infer`](connector::Operation::Infer) |
//! | `POST /v1/completions` | the same, of plain text: taken by the mock, not asked by the connector |
//! | `GET /v1/models` | [`Pools`](connector::Operation::Pools), as a sign of life |
//! | closing the connection of a completion | [`Cancel`](connector::Operation::Cancel) |
//!
//! Such an endpoint knows no shares; the connector keeps its own. Reading is lenient: unknown fields
//! are ignored, and every field that some engine leaves out is optional. Source: OpenAI's API
//! reference (chat completions), and what the engines' documentation says they send.

mod chat;
mod content;
mod failure;
mod text;

pub use chat::{
    ChatChoice, ChatChunk, ChatMessage, ChatRequest, ChatResponse, ChatUsage, ChunkChoice,
    Completion, Delta, ModelBody, ModelList, PromptTokensDetails, ReplyMessage, StreamOptions,
};
pub use content::{ContentPart, MessageContent};
pub use failure::{ErrorEnvelope, OpenAiError, read_failure};
pub use text::{TextChoice, TextPrompt, TextRequest, TextResponse};
