//! The dialect `openai`: chat completions as local engines serve them (vLLM, llama.cpp, MLX, and
//! OpenAI itself).
//!
//! | call | operation |
//! | --- | --- |
//! | `POST /v1/chat/completions` | [`Infer`](connector::Operation::Infer) |
//! | `GET /v1/models` | [`Pools`](connector::Operation::Pools), as a sign of life |
//! | closing the connection of a completion | [`Cancel`](connector::Operation::Cancel) |
//!
//! Such an endpoint knows no shares; the connector keeps its own. Reading is lenient: unknown fields
//! are ignored, and every field that some engine leaves out is optional. Source: OpenAI's API
//! reference (chat completions), and what the engines' documentation says they send.

mod chat;
mod failure;

pub use chat::{
    ChatChoice, ChatChunk, ChatMessage, ChatRequest, ChatResponse, ChatUsage, ChunkChoice, Delta,
    ModelBody, ModelList, ReplyMessage, StreamOptions,
};
pub use failure::{OpenAiError, read_failure};
