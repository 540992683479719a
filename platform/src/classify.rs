//! Puts requests into classes, from the simplest to the most complex, and says why.
//!
//! # Problem
//!
//! A short question of fact is served as well by a small model as by a large one, for a fraction of
//! the money; a proof or a design is not. Nobody says which of both a request is, so it is judged
//! by what is known of it: how long it and its answer are, and, where there is text, what it says.
//!
//! # Mechanism
//!
//! *Lengths are bounds.* A request belongs to the first class that admits both its prompt and its
//! expected answer. Text may raise that class, never lower it, so a class never gets what it says it
//! does not take. Traces carry lengths only, so they are classified by length.
//!
//! *Text has a score* from 0 to 1 in basis points. It is spread evenly over the classes: of `n`
//! classes, score `s` belongs to number `s x (n - 1)`, rounded. [`ByRules`] counts four kinds of
//! signs, each a quarter; [`Trained`] weighs [`Features`] (see there). Whatever decides is named in
//! the [`Reason`].
//!
//! *A model can be asked*: [`Asking`] puts the question and reads the answer, and falls back to one
//! of the others; the platform carries the question to a pool and back, and keeps the time.
//!
//! # Edges
//!
//! At most 4 KiB of a text are read, nothing is allocated, and the result is integer arithmetic and
//! one `exp` of `libm` per boundary between levels: the same on every machine. An answer counts only
//! if it is a class's number and nothing else.
//!
//! `docs/platform/classification.md` has the figures.

mod asking;
mod features;
mod lengths;
mod rules;
mod signs;
mod trained;
mod weights;

use std::fmt;

use connector::{BasisPoints, ClassId, Infer, Tokens};

pub use self::{
    asking::{Asking, Nonsense},
    features::{Feature, Features},
    lengths::ByLength,
    rules::ByRules,
    trained::{LEVELS, Trained, Weighed, Weights},
    weights::WEIGHTS,
};
use crate::{
    config::{ClassifierConfig, ClassifyMethod},
    interface::Request,
};

/// What is known of a request when it is classified.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Length of the prompt.
    pub prompt_tokens: Tokens,
    /// Expected length of the answer.
    pub output_tokens: Tokens,
    /// The words of the prompt, where they are known.
    pub text: Option<&'a str>,
}

impl<'a> From<&'a Request> for Subject<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            prompt_tokens: request.prompt_tokens,
            output_tokens: request.output_tokens,
            text: request.content.text(),
        }
    }
}

/// What a classifier makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The class.
    pub class: ClassId,
    /// Complexity from 0 (simplest) to 1 (most complex). Where lengths decided, the class's place
    /// among all classes.
    pub score: BasisPoints,
    /// What decided.
    pub reason: Reason,
}

/// What decided on a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The sender named it.
    Named,
    /// The lengths of prompt and answer: text, if there is any, asks for no higher class.
    Lengths,
    /// The text; the features that weighed most, the heaviest first.
    Text([Option<Weighed>; Reason::FEATURES]),
    /// A model that was asked.
    Model,
}

impl Reason {
    /// Features named at most.
    pub const FEATURES: usize = 3;
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("named by the sender"),
            Self::Lengths => f.write_str("the lengths of prompt and answer"),
            Self::Model => f.write_str("the word of the model that was asked"),
            Self::Text(weighed) => {
                f.write_str("text: ")?;
                for (place, weighed) in weighed.iter().flatten().enumerate() {
                    let separator = if place == 0 { "" } else { ", " };
                    write!(f, "{separator}{weighed}")?;
                }
                Ok(())
            }
        }
    }
}

/// Judges requests. Implementations do no I/O: one that wants to ask a model puts the question, and
/// its caller brings the answer.
pub trait Classify: fmt::Debug + Send + Sync {
    /// The class, from what is known here and now.
    fn classify(&self, subject: &Subject<'_>) -> Classification;

    /// What to ask a model first; `None` if there is nothing to ask.
    fn question(&self, _subject: &Subject<'_>, _share: connector::AllocationId) -> Option<Infer> {
        None
    }

    /// The class after the answer.
    ///
    /// # Errors
    /// An answer that is no class; [`classify`](Self::classify) then has the word.
    fn answered(&self, _subject: &Subject<'_>, _answer: &str) -> Result<Classification, Nonsense> {
        Err(Nonsense)
    }
}

/// Judges as configured, without asking anybody.
pub fn local(config: &ClassifierConfig) -> Box<dyn Classify> {
    let lengths = ByLength::new(&config.classes);
    match config.method {
        ClassifyMethod::Lengths => Box::new(lengths),
        ClassifyMethod::Rules => Box::new(ByRules::new(lengths)),
        ClassifyMethod::Trained => Box::new(Trained::new(lengths, WEIGHTS)),
    }
}

/// The class of a text by its score alone, among so many classes.
fn class_of_score(score: BasisPoints, classes: usize) -> usize {
    let steps = classes.saturating_sub(1) as u64;
    let one = u64::from(BasisPoints::ONE.get());
    ((u64::from(score.get()) * steps + one / 2) / one) as usize
}

/// What the text says if it asks for a higher class than the lengths, and else what they say.
fn raised(by_length: Classification, by_text: Classification) -> Classification {
    if by_text.class > by_length.class { by_text } else { by_length }
}

#[cfg(test)]
mod tests;
