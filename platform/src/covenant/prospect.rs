//! Whether a candidate could keep a covenant, before it is asked.
//!
//! Two kinds of objections. What a covenant *forbids* is never done: shares that are too large, pools
//! whose shares may be taken away, a bill above its ceiling. What it *promises* is another matter: an
//! answer that comes late is better than none. A candidate that is too slow is therefore passed over
//! only while there is something left to give up instead.
//!
//! Time is what an idle card needs, by the stated paces, on top of what has passed already: a lower
//! bound, so that nobody is passed over who might have been in time. The same holds for the bill:
//! the price of that time, on top of what was spent. Where no pace is stated, nothing is foreseen.

use connector::{
    Concession, Concessions, Duration, ModelId, Money, PoolKind, Requirements, Tokens,
};

use super::{Covenant, Covenants, Targets};
use crate::{
    config::{CableConfig, Pace},
    interface::Request,
};

/// Why a candidate cannot keep a covenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The model needs more memory than allowed, or a card has less memory or compute than is asked
    /// for.
    TooLarge,
    /// Shares of the pool may be taken away.
    Preemptible,
    /// The bill would exceed the ceiling.
    TooDear,
    /// A time would run out even on an idle card.
    TooSlow,
}

impl Objection {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 4] = [Self::TooLarge, Self::Preemptible, Self::TooDear, Self::TooSlow];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too large",
            Self::Preemptible => "preemptible",
            Self::TooDear => "too dear",
            Self::TooSlow => "too slow",
        }
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Time since its arrival.
    pub(crate) passed: Duration,
    /// What it has cost so far.
    pub(crate) spent: Money,
    /// Length of the answer that is asked for by now.
    pub(crate) output: Tokens,
    pub(crate) given_up: Concessions,
    /// Whether being too slow counts.
    pub(crate) hurried: bool,
}

impl Covenants {
    /// What speaks against this model on this cable.
    pub(crate) fn objection(
        &self,
        request: &Request,
        model: ModelId,
        cable: usize,
        progress: &Progress,
    ) -> Option<Objection> {
        let (covenant, line) = (self.of(request), &self.cables[cable]);
        if covenant.is_too_large(&self.models[model.index()].requirements, line) {
            return Some(Objection::TooLarge);
        }
        if line.kind == PoolKind::Preemptible
            && covenant.preemptible() == Some(false)
            && !progress.given_up.contains(Concession::Preemptible)
        {
            return Some(Objection::Preemptible);
        }
        let work = Work {
            pace: line.paces[model.index()],
            prompt: request.prompt_tokens,
            output: self.answer_length(model, progress.output),
        };
        if let Some(ceiling) = covenant.cost_ceiling()
            && progress.spent + line.price_per_slot_hour.per_hour_over(work.whole()) > ceiling
        {
            return Some(Objection::TooDear);
        }
        let slow = progress.hurried && work.is_too_slow(covenant.targets(), progress.passed);
        slow.then_some(Objection::TooSlow)
    }
}

impl Covenant<'_> {
    /// What the model needs by itself was looked at when the candidates were listed.
    fn is_too_large(self, needs: &Requirements, line: &CableConfig) -> bool {
        let asked = self.requirements(*needs);
        self.stated(|terms| terms.vram_max).is_some_and(|most| needs.vram > most)
            || asked.vram > line.card_vram.max(needs.vram)
            || asked.tflops > line.card_tflops.max(needs.tflops)
    }
}

/// What is to be done, and how fast an idle card does it.
struct Work {
    pace: Pace,
    prompt: Tokens,
    output: Tokens,
}

impl Work {
    fn until_first_token(&self) -> Duration {
        self.pace.per_prompt_token * u64::from(self.prompt.get())
    }

    fn whole(&self) -> Duration {
        self.until_first_token() + self.pace.per_output_token * u64::from(self.output.get())
    }

    fn is_too_slow(&self, targets: Targets, passed: Duration) -> bool {
        let beyond =
            |target: Option<Duration>, time: Duration| target.is_some_and(|target| time > target);
        beyond(targets.first_token, passed + self.until_first_token())
            || beyond(targets.per_output_token, self.pace.per_output_token)
            || beyond(targets.end_to_end, passed + self.whole())
    }
}
