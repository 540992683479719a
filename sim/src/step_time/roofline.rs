//! Step times from a card's datasheet and a model's shape.

use super::{CONTEXT_UNITS, Growth, Line, Load, StepTime, TICKS_PER_NS};

/// Placeholder of the final form: compute or memory, whichever takes longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    /// Nanoseconds of compute per token.
    pub per_token: f64,
    /// Nanoseconds to read the weights.
    pub weights: f64,
    /// Nanoseconds to read a token of context.
    pub per_context_token: f64,
}

impl StepTime for Roofline {
    fn line(&self, load: &Load, growth: &Growth) -> Line {
        let per_unit = ticks(self.per_context_token / CONTEXT_UNITS as f64);
        let compute = Affine { first: ticks(self.per_token * f64::from(load.tokens())), slope: 0 };
        let context = load.context + load.prefill_context * CONTEXT_UNITS;
        let grows = growth.context + growth.prefill_context * CONTEXT_UNITS;
        let memory = Affine {
            first: ticks(self.weights)
                .saturating_add(per_unit.saturating_mul(context.cast_signed())),
            slope: per_unit.saturating_mul(grows.cast_signed()),
        };
        let (first, slope, steps) = upper(compute, memory);
        Line { first: first.max(TICKS_PER_NS), slope, steps }
    }
}

#[derive(Clone, Copy, Debug)]
struct Affine {
    first: i64,
    slope: i64,
}

/// The larger of two, and for how many steps it stays the larger.
fn upper(a: Affine, b: Affine) -> (i64, i64, u64) {
    let (high, low) = if (a.first, a.slope) >= (b.first, b.slope) { (a, b) } else { (b, a) };
    let steps = if low.slope > high.slope {
        ((high.first - low.first) / (low.slope - high.slope)) as u64 + 1
    } else {
        Line::LONGEST
    };
    (high.first, high.slope, steps.min(Line::LONGEST))
}

fn ticks(ns: f64) -> i64 {
    (ns * TICKS_PER_NS as f64 + 0.5) as i64
}
