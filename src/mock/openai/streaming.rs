//! Answers in the dialect, whole and as chunks.
//!
//! A chunk of text says the same as the one before but for its word, so it is written once and cut at
//! the word: a stream of sixteen tokens would else spend half of its time writing names of fields.

use adapters::{
    harpoon_v1::DONE,
    openai::{
        ChatChoice, ChatChunk, ChatResponse, ChatUsage, ChunkChoice, Delta, OpenAiError,
        ReplyMessage, StreamOptions, TextChoice, TextResponse,
    },
};
use connector::{Duration, Error, Tokens, Usage};

use super::{
    super::{filler, pen::Script, speech::event},
    as_engine, written,
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Text,
}

/// What every piece of an answer says.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) form: Form,
    pub(super) id: String,
    /// In seconds since 1970.
    pub(super) created: u64,
    pub(super) model: String,
    /// Why it ends where it ends.
    pub(super) finish_reason: &'static str,
    pub(super) prompt: Tokens,
}

/// The news of one chunk.
#[derive(Clone, Debug, Default)]
struct News<'a> {
    role: Option<&'static str>,
    text: Option<&'a str>,
    finish_reason: Option<&'a str>,
    usage: Option<ChatUsage>,
    error: Option<OpenAiError>,
}

impl News<'_> {
    fn is_of_text(&self) -> bool {
        self.role.is_some() || self.text.is_some() || self.finish_reason.is_some()
    }
}

impl Reply {
    /// The whole answer.
    pub(super) fn whole(self, usage: Usage) -> Vec<u8> {
        let text = filler::text(usage.output.get());
        let Self { form, id, created, model, finish_reason, .. } = self;
        let (id, model, usage) = (id.into(), model.into(), Some(usage.into()));
        match form {
            Form::Chat => {
                let (role, content) = ("assistant", Some(text));
                let message = ReplyMessage { role, content, reasoning_content: None };
                let finish_reason = Some(finish_reason.into());
                let choices = vec![ChatChoice { index: 0, message, finish_reason }];
                let object = "chat.completion".into();
                written(&ChatResponse { id, object, created, model, choices, usage })
            }
            Form::Text => {
                let (text, finish_reason) = (text.into(), Some(finish_reason.into()));
                let choices = vec![TextChoice { index: 0, text, finish_reason }];
                let object = "text_completion".into();
                written(&TextResponse { id, object, created, model, choices, usage, error: None })
            }
        }
    }

    /// How it is streamed.
    pub(super) fn script(self, counts: StreamOptions) -> Chunks {
        // It stands for the word, and there is none like it after the word.
        const MARK: &str = "{}";
        let chunk = self.chunk(News { text: Some(MARK), ..News::default() });
        let mut before = Vec::new();
        event(&chunk, &mut before);
        let mark = before.windows(MARK.len()).rposition(|here| here == MARK.as_bytes());
        let after = before.split_off(mark.expect("the text is in the chunk"));
        Chunks { reply: self, counts, before, after: after[MARK.len()..].into() }
    }

    fn chunk(&self, news: News<'_>) -> Vec<u8> {
        let is_of_text = news.is_of_text();
        let News { role, text, finish_reason, usage, error } = news;
        let (id, created) = (self.id.as_str().into(), self.created);
        let (model, finish_reason) = (self.model.as_str().into(), finish_reason.map(Into::into));
        match self.form {
            Form::Chat => {
                let content = text.map(Into::into);
                let delta = Delta { role, content, reasoning_content: None };
                let choice = is_of_text.then_some(ChunkChoice { index: 0, delta, finish_reason });
                let (object, choices) = ("chat.completion.chunk".into(), Vec::from_iter(choice));
                written(&ChatChunk { id, object, created, model, choices, usage, error })
            }
            Form::Text => {
                let text = text.unwrap_or_default().into();
                let choice = is_of_text.then_some(TextChoice { index: 0, text, finish_reason });
                let (object, choices) = ("text_completion".into(), Vec::from_iter(choice));
                written(&TextResponse { id, object, created, model, choices, usage, error })
            }
        }
    }

    fn usage_at(&self, made: u32) -> ChatUsage {
        Usage::computed(self.prompt, Tokens::new(made)).into()
    }
}

/// A stream of chunks: one for each token.
#[derive(Debug)]
pub(super) struct Chunks {
    reply: Reply,
    counts: StreamOptions,
    /// An event with a token in it, up to the word and after it.
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Chunks {
    fn say(&self, news: News<'_>, into: &mut Vec<u8>) {
        event(&self.reply.chunk(news), into);
    }

    fn begin(&self, into: &mut Vec<u8>) {
        if self.reply.form == Form::Chat {
            let usage = self.counts.continuous_usage_stats.then(|| self.reply.usage_at(0));
            let (role, text) = (Some("assistant"), Some(""));
            self.say(News { role, text, usage, ..News::default() }, into);
        }
    }
}

impl Script for Chunks {
    fn tokens(&mut self, from: u32, until: u32, into: &mut Vec<u8>) {
        if from == 0 && until > 0 {
            self.begin(into);
        }
        let each = self.before.len() + self.after.len() + filler::LONGEST_WORD;
        into.reserve(until.saturating_sub(from) as usize * each);
        for index in from..until {
            let word = filler::word(index);
            if self.counts.continuous_usage_stats {
                let usage = Some(self.reply.usage_at(index + 1));
                self.say(News { text: Some(word), usage, ..News::default() }, into);
            } else {
                into.extend_from_slice(&self.before);
                into.extend_from_slice(word.as_bytes());
                into.extend_from_slice(&self.after);
            }
        }
    }

    /// Such engines have no word for it.
    fn notice(&mut self, _grace: Duration, _into: &mut Vec<u8>) {}

    fn end(&mut self, result: &Result<Usage, Error>, into: &mut Vec<u8>) {
        match result {
            Ok(usage) => {
                let usage = Some(ChatUsage::from(*usage));
                let along = usage.filter(|_| self.counts.continuous_usage_stats);
                let finish_reason = Some(self.reply.finish_reason);
                self.say(News { finish_reason, usage: along, ..News::default() }, into);
                if self.counts.include_usage {
                    self.say(News { usage, ..News::default() }, into);
                }
                event(DONE.as_bytes(), into);
            }
            Err(error) => {
                let refused = as_engine(error.clone());
                let error = OpenAiError::new(&refused.error, refused.status.as_u16());
                self.say(News { error: Some(error), ..News::default() }, into);
                event(DONE.as_bytes(), into);
            }
        }
    }
}
