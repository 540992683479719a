//! Questions of the wire in the contract's words.

use adapters::{
    harpoon_v1::temperature_from_wire,
    openai::{ChatRequest, StreamOptions, TextPrompt, TextRequest},
};
use connector::{AllocationId, Error, ErrorKind, Infer, ModelId, Prompt, Temperature, Tokens};

use super::super::{filler, routes::Shop};

/// Tokens of an answer whose length is not limited.
pub(super) const DEFAULT_TOKENS: u32 = 128;

/// A completion that is asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) model: ModelId,
    pub(super) infer: Infer,
    pub(super) limit_is_stated: bool,
    /// What a stream is to tell besides its text.
    pub(super) counts: StreamOptions,
}

/// What both kinds of completions state besides the prompt.
struct Terms<'a> {
    model: &'a str,
    prompt_tokens: u32,
    limit: Option<u32>,
    temperature: Option<f64>,
    answers: Option<u32>,
    stream: Option<bool>,
    counts: Option<StreamOptions>,
}

pub(super) fn chat(body: &[u8], shop: &Shop) -> Result<Ask, Error> {
    let request: ChatRequest<'_> = read(body)?;
    let texts = request.messages.iter().flat_map(|message| message.content.texts());
    let bytes = texts.map(str::len).fold(0, usize::saturating_add);
    if request.messages.is_empty() {
        return Err(invalid("messages is empty".into()));
    }
    ask(
        &Terms {
            model: &request.model,
            prompt_tokens: filler::tokens_of(bytes),
            limit: request.max_completion_tokens.or(request.max_tokens),
            temperature: request.temperature,
            answers: request.n,
            stream: request.stream,
            counts: request.stream_options,
        },
        shop,
    )
}

pub(super) fn text(body: &[u8], shop: &Shop) -> Result<Ask, Error> {
    let request: TextRequest<'_> = read(body)?;
    ask(
        &Terms {
            model: &request.model,
            prompt_tokens: tokens_of(&request.prompt)?,
            limit: request.max_tokens,
            temperature: request.temperature,
            answers: request.n,
            stream: request.stream,
            counts: request.stream_options,
        },
        shop,
    )
}

fn ask(terms: &Terms<'_>, shop: &Shop) -> Result<Ask, Error> {
    let most = shop.options.max_tokens;
    let limit = terms.limit.unwrap_or(DEFAULT_TOKENS.min(most));
    if limit == 0 || limit > most {
        return Err(invalid(format!("max_tokens {limit} is not between 1 and {most}")));
    }
    if let Some(answers) = terms.answers.filter(|&answers| answers != 1) {
        return Err(invalid(format!("n {answers} is not 1: there is one answer")));
    }
    let temperature = match terms.temperature {
        None => Temperature::default(),
        Some(stated) => temperature_from_wire(stated)
            .ok_or_else(|| invalid(format!("temperature {stated} is not between 0 and 2")))?,
    };
    let infer = Infer {
        // Whoever finds a share puts its name here.
        allocation: AllocationId(0),
        prompt: Prompt::of_length(Tokens::new(terms.prompt_tokens)),
        max_tokens: Tokens::new(limit),
        temperature,
        stream: terms.stream.unwrap_or_default(),
        progress: None,
    };
    let (limit_is_stated, counts) = (terms.limit.is_some(), terms.counts.unwrap_or_default());
    Ok(Ask { model: model(terms.model, shop)?, infer, limit_is_stated, counts })
}

pub(super) fn model(name: &str, shop: &Shop) -> Result<ModelId, Error> {
    shop.names.model_id(name).ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        Error::new(ErrorKind::NotFound, format!("the model `{name}` does not exist"))
    })
}

fn tokens_of(prompt: &TextPrompt) -> Result<u32, Error> {
    let counted = |tokens: &[u32]| u32::try_from(tokens.len().max(1)).unwrap_or(u32::MAX);
    match prompt {
        TextPrompt::Text(text) => Ok(filler::count_tokens(text)),
        TextPrompt::Tokens(tokens) => Ok(counted(tokens)),
        TextPrompt::Texts(texts) => match texts.as_slice() {
            [text] => Ok(filler::count_tokens(text)),
            others => Err(not_one(others.len())),
        },
        TextPrompt::Several(prompts) => match prompts.as_slice() {
            [tokens] => Ok(counted(tokens)),
            others => Err(not_one(others.len())),
        },
    }
}

fn not_one(prompts: usize) -> Error {
    invalid(format!("{prompts} prompts: there is one answer to one"))
}

fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the body is no request: {error}")))
}

fn invalid(words: String) -> Error {
    Error::new(ErrorKind::Invalid, words)
}
