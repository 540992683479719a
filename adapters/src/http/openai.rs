//! [`openai`](crate::openai) as it is asked: completions are one exchange each, shares are kept here.

pub(super) mod chat;
mod own_shares;

use std::borrow::Cow;

use connector::{AllocationId, Error, Infer, Operation, Reply};
use hyper::Method;

use super::{
    call::{Answer, Dialogue},
    gaps::Serving,
    line::Failures,
    speaker::{Known, Speaker},
};
use crate::{
    harpoon_v1::hidden_failure,
    openai::{ChatMessage, ChatRequest, MessageContent, ModelList, StreamOptions, read_failure},
};
use chat::ChatStream;
use own_shares::OwnShares;

#[derive(Debug)]
pub(super) struct OpenAi {
    shares: OwnShares,
}

impl OpenAi {
    /// So many shares at most.
    pub(super) const fn new(most_shares: usize) -> Self {
        Self { shares: OwnShares::new(most_shares) }
    }

    fn completion(&self, infer: &Infer, known: &Known<'_>) -> Result<Dialogue, Error> {
        let model = known.model(self.shares.model(infer.allocation)?)?;
        let request =
            known.post(&["v1", "chat", "completions"], &question(infer, model, known)?)?;
        let stream = infer.stream.then(|| ChatStream::new(infer.prompt.tokens));
        Ok(Dialogue::new("POST /v1/chat/completions", move |line| {
            Box::pin(line.generation(request, stream, chat::whole))
        }))
    }
}

/// What a completion is asked for with.
///
/// # Errors
/// `Invalid` for a prompt beyond the limit.
pub(super) fn question<'a>(
    infer: &'a Infer,
    model: &'a str,
    known: &Known<'_>,
) -> Result<ChatRequest<'a>, Error> {
    let content = MessageContent::Text(known.words(infer)?);
    let counted = StreamOptions { include_usage: true, ..StreamOptions::default() };
    Ok(ChatRequest {
        model: Cow::Borrowed(model),
        messages: vec![ChatMessage { role: "user".into(), content }],
        max_tokens: Some(infer.max_tokens.get()),
        max_completion_tokens: None,
        temperature: Some(infer.temperature.as_f64()),
        n: None,
        stream: infer.stream.then_some(true),
        stream_options: infer.stream.then_some(counted),
    })
}

impl Speaker for OpenAi {
    fn failures(&self) -> Failures {
        Failures { read: read_failure, hidden: hidden_failure }
    }

    fn serving(&self, allocation: AllocationId) -> Option<Serving> {
        self.shares.serving(allocation)
    }

    fn answer(&mut self, operation: &Operation) -> Option<Result<Reply, Error>> {
        self.shares.answer(operation)
    }

    fn dialogue(&self, operation: &Operation, known: &Known<'_>) -> Result<Dialogue, Error> {
        match operation {
            Operation::Infer(infer) => self.completion(infer, known),
            Operation::Pools => Ok(models(known)),
            Operation::Allocate(_)
            | Operation::Release { .. }
            | Operation::Inspect { .. }
            | Operation::List { .. } => unreachable!("shares are answered for here"),
            Operation::Cancel { .. } => unreachable!("a cancellation is not sent"),
        }
    }
}

/// What is on offer there has neither shares nor prices: it is alive, no more.
fn models(known: &Known<'_>) -> Dialogue {
    let request = known.request(Method::GET, &["v1", "models"]);
    Dialogue::new("GET /v1/models", move |line| {
        Box::pin(async move {
            let _: ModelList = line.json(request).await?;
            Ok(Answer::Pools(Vec::new()))
        })
    })
}
