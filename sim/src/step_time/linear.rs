//! Step times stated outright.

use super::{CONTEXT_UNITS, Growth, Line, Load, StepTime, TICKS_PER_NS};

/// A step takes `base + a sequences + b prompt tokens + c context`, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    base: i64,
    per_sequence: i64,
    per_prompt_token: i64,
    per_context_unit: i64,
}

impl Linear {
    /// From nanoseconds: per step, per sequence in it, per prompt token processed and per token of
    /// context of the sequences that decode.
    pub fn new(
        base: f64,
        per_sequence: f64,
        per_prompt_token: f64,
        per_context_token: f64,
    ) -> Self {
        let ticks = |ns: f64| (ns * TICKS_PER_NS as f64 + 0.5) as i64;
        Self {
            base: ticks(base),
            per_sequence: ticks(per_sequence),
            per_prompt_token: ticks(per_prompt_token),
            per_context_unit: ticks(per_context_token / CONTEXT_UNITS as f64),
        }
    }
}

impl StepTime for Linear {
    fn line(&self, load: &Load, growth: &Growth) -> Line {
        let first = self.base
            + self.per_sequence * i64::from(load.decodes + load.prefills)
            + self.per_prompt_token * i64::from(load.prefill_tokens)
            + self.per_context_unit * load.context.cast_signed();
        let slope = self.per_context_unit * growth.context.cast_signed();
        Line { first: first.max(TICKS_PER_NS), slope, steps: Line::LONGEST }
    }
}
