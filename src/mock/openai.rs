//! The dialect [`openai`](adapters::openai) as the mock speaks it: a served engine with the pools of the
//! scenario behind it ([`leases`](super::leases)).
//!
//! # Edges
//!
//! * An answer is as long as was asked for, since simulated generation does not stop early; without a
//!   limit it has [`translate::DEFAULT_TOKENS`]. It says `length` where a limit was stated, else `stop`.
//! * A prompt counts a token per four bytes of its text, or as many as it comes in as numbers. What
//!   templates add to a conversation is not counted, and what is no text counts nothing.
//! * One answer to one prompt: more are refused. Everything else that is unknown is ignored.
//! * Such an engine knows no shares, so one that is taken away under a request reads as a server that
//!   went down: 503.
//!
//! Source: OpenAI's API reference; vLLM's documentation for `continuous_usage_stats`.

mod streaming;
mod translate;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use adapters::openai::{ErrorEnvelope, ModelBody, ModelList, OpenAiError};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use connector::{AllocationId, Error, ErrorKind, Infer, ModelId, Operation};
use serde::Serialize;

use self::{
    streaming::{Form, Reply},
    translate::Ask,
};
use super::{
    desk::Answers,
    pen::Pen,
    routes::{EVENTS, JSON, Refused, Shared, Shop, Whole},
    shortcut::Way,
    speech,
    voice::Said,
};

pub(super) fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(text))
}

/// A refusal in words of the dialect.
pub(super) fn refusal(refused: &Refused) -> Vec<u8> {
    let error = OpenAiError::new(&refused.error, refused.status.as_u16());
    written(&ErrorEnvelope { error })
}

/// A chat completion on this share, whoever asked for it.
pub(super) async fn chat_on(
    shop: &Shop,
    body: &[u8],
    allocation: AllocationId,
    way: Way,
) -> Result<Response, Refused> {
    let ask = translate::chat(body, shop)?;
    let infer = Infer { allocation, ..ask.infer.clone() };
    let answers = shop.desk.ask(Operation::Infer(infer)).await.map_err(as_engine)?;
    tell(shop, &ask, Form::Chat, answers, way).await
}

async fn chat(State(shop): Shared, way: Way, Whole(body): Whole) -> Result<Response, Refused> {
    answer(&shop, translate::chat(&body, &shop)?, Form::Chat, way).await
}

async fn text(State(shop): Shared, way: Way, Whole(body): Whole) -> Result<Response, Refused> {
    answer(&shop, translate::text(&body, &shop)?, Form::Text, way).await
}

async fn answer(shop: &Shop, ask: Ask, form: Form, way: Way) -> Result<Response, Refused> {
    let answers = shop.desk.complete(ask.model, ask.infer.clone()).await.map_err(as_engine)?;
    tell(shop, &ask, form, answers, way).await
}

async fn tell(
    shop: &Shop,
    ask: &Ask,
    form: Form,
    mut answers: Answers,
    Way(shortcut): Way,
) -> Result<Response, Refused> {
    let kind = match form {
        Form::Chat => "chatcmpl",
        Form::Text => "cmpl",
    };
    let reply = Reply {
        form,
        id: format!("{kind}-{}", answers.ticket.0),
        created: now(),
        model: shop.names.model(ask.model).unwrap_or_default().into(),
        finish_reason: if ask.limit_is_stated { "length" } else { "stop" },
        prompt: ask.infer.prompt.tokens,
    };
    if !ask.infer.stream {
        let usage = speech::usage_of(answers.answer().await).map_err(as_engine)?;
        return Ok(([JSON], reply.whole(usage)).into_response());
    }
    // What is refused before it begins is refused by status, as without a stream.
    match answers.next().await {
        Said::Answered(Err(error)) => Err(as_engine(error)),
        first @ (Said::FirstToken | Said::Preempted { .. } | Said::Answered(Ok(_))) => {
            let pen = Pen::new(reply.script(ask.counts), shortcut);
            Ok((EVENTS, speech::body(first, answers, pen)).into_response())
        }
    }
}

/// As a served engine puts it.
fn as_engine(error: Error) -> Refused {
    match error.kind {
        ErrorKind::Preempted => {
            let words = error.detail.unwrap_or_else(|| "the engine was taken away".into());
            Refused {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: Error::new(error.kind, words),
            }
        }
        ErrorKind::Timeout
        | ErrorKind::Unavailable { .. }
        | ErrorKind::RateLimited { .. }
        | ErrorKind::CapacityExhausted
        | ErrorKind::PolicyRefused
        | ErrorKind::CreditExhausted
        | ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Protocol => error.into(),
    }
}

pub(super) async fn models(State(shop): Shared) -> Response {
    let served = (0..shop.options.requirements.len()).filter_map(|index| body(&shop, index));
    let list = ModelList { object: "list", data: served.collect() };
    ([JSON], written(&list)).into_response()
}

async fn model(State(shop): Shared, Path(id): Path<String>) -> Result<Response, Refused> {
    let ModelId(index) = translate::model(&id, &shop)?;
    let body = body(&shop, index as usize);
    let body =
        body.ok_or_else(|| Error::new(ErrorKind::NotFound, "this model is not served here"))?;
    Ok(([JSON], written(&body)).into_response())
}

fn body(shop: &Shop, index: usize) -> Option<ModelBody> {
    let id = shop.options.names.models.get(index)?.clone();
    Some(ModelBody { id, object: "model", created: shop.began, owned_by: "harpoon" })
}

fn written(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies are made of text and numbers")
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
