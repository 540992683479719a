//! Step times from what a step computes and moves.
//!
//! # Mechanism
//!
//! The roofline (Williams, Waterman, Patterson, CACM 52(4), 2009): a kernel takes as long as its
//! arithmetic at the card's peak or as its memory traffic at the card's bandwidth, whichever is
//! longer. A step has four parts, each so many nanoseconds per unit of its load:
//!
//! | part | grows with |
//! | --- | --- |
//! | linear layers, arithmetic | tokens that go through the model; the output layer: tokens sampled |
//! | linear layers, memory | nothing: the weights are read once per step |
//! | attention, arithmetic | pairs of a token and a token that it attends to |
//! | attention, memory | tokens in the cache that are read |
//!
//! From a datasheet alone ([`Roofs::One`]), all arithmetic overlaps all traffic:
//! `max(linear + attention arithmetic, linear + attention memory)`, which is a lower bound. Measured
//! steps are closer to [`Roofs::Two`]: the larger side of the linear layers, and after it attention,
//! since its kernels run after theirs: `max(arithmetic, memory) + arithmetic + memory`. Overheads and
//! the collectives of tensor parallelism come on top of either, and a step with a prompt in it takes
//! at least [`RooflineCosts::prompt_step`].
//!
//! # Edges
//!
//! A piece of a prompt reads the cache of its mean context. A mixture of experts computes with the
//! parameters used per token and is taken to read all weights, which holds for all but the smallest
//! batches.

use super::{CONTEXT_UNITS, Growth, Line, Load, StepTime, TICKS_PER_NS};

/// Costs of the parts of a step, in nanoseconds. See the module text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RooflineCosts {
    /// Every step: launching, scheduling, latencies of collectives.
    pub per_step: f64,
    /// Every sequence for which a token is sampled.
    pub per_sampled: f64,
    /// Arithmetic of the linear layers, per token.
    pub per_token: f64,
    /// Arithmetic of the output layer, per sequence for which a token is sampled.
    pub output_layer: f64,
    /// Reading the weights once.
    pub weights: f64,
    /// Arithmetic of attention, per pair of tokens.
    pub per_pair: f64,
    /// Reading the cache, per token in it.
    pub per_context_token: f64,
    /// Collectives, per token.
    pub per_token_exchanged: f64,
    /// What they take more per token beyond [`long_step`](Self::long_step) of them.
    pub per_token_beyond: f64,
    /// Tokens in a step.
    pub long_step: u32,
    /// The least that a step with a prompt in it takes.
    pub prompt_step: f64,
}

/// What overlaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roofs {
    /// All arithmetic with all traffic.
    #[default]
    One,
    /// The arithmetic of the linear layers with their traffic; attention comes after.
    Two,
}

/// A roofline as a rule for step times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    costs: RooflineCosts,
    roofs: Roofs,
    ticks: Ticks,
}

/// The costs, each rounded to ticks once; attention's per 1/64 pair and per 1/64 token.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    per_step: i64,
    per_sampled: i64,
    per_token: i64,
    output_layer: i64,
    weights: i64,
    per_pair: i64,
    per_context: i64,
    per_token_exchanged: i64,
    per_token_beyond: i64,
    long_step: u32,
    prompt_step: i64,
}

impl Roofline {
    /// From the costs of its parts.
    pub fn new(costs: RooflineCosts, roofs: Roofs) -> Self {
        let ticks = Ticks {
            per_step: ticks(costs.per_step),
            per_sampled: ticks(costs.per_sampled),
            per_token: ticks(costs.per_token),
            output_layer: ticks(costs.output_layer),
            weights: ticks(costs.weights),
            per_pair: ticks(costs.per_pair / CONTEXT_UNITS as f64),
            per_context: ticks(costs.per_context_token / CONTEXT_UNITS as f64),
            per_token_exchanged: ticks(costs.per_token_exchanged),
            per_token_beyond: ticks(costs.per_token_beyond),
            long_step: costs.long_step,
            prompt_step: ticks(costs.prompt_step).max(TICKS_PER_NS),
        };
        Self { costs, roofs, ticks }
    }

    /// Its costs.
    pub fn costs(&self) -> &RooflineCosts {
        &self.costs
    }
}

impl StepTime for Roofline {
    fn line(&self, load: &Load, growth: &Growth) -> Line {
        let ticks = &self.ticks;
        let times = |each: i64, count: u32| each.saturating_mul(i64::from(count));
        let attention = Attention::of(load, growth);
        let compute = times(ticks.per_token, load.tokens())
            .saturating_add(times(ticks.output_layer, load.sampled));
        let compute = Affine::flat(compute);
        let weights = Affine::flat(ticks.weights);
        let pairs = Affine::new(ticks.per_pair, attention.pairs, attention.pairs_grow);
        let reads = Affine::new(ticks.per_context, attention.units, attention.units_grow);
        let ((time, steps), after) = match self.roofs {
            Roofs::One => (upper(compute.plus(pairs), weights.plus(reads)), Affine::flat(0)),
            Roofs::Two => (upper(compute, weights), pairs.plus(reads)),
        };
        let beyond = load.tokens().saturating_sub(ticks.long_step);
        let overhead = ticks
            .per_step
            .saturating_add(times(ticks.per_sampled, load.sampled))
            .saturating_add(times(ticks.per_token_exchanged, load.tokens()))
            .saturating_add(times(ticks.per_token_beyond, beyond));
        let time = time.plus(after).plus(Affine::flat(overhead));
        let floor = if load.prefills > 0 { ticks.prompt_step } else { TICKS_PER_NS };
        if time.first >= floor && time.slope >= 0 {
            return Line { first: time.first, slope: time.slope, steps };
        }
        let (time, above_floor) = upper(time, Affine::flat(floor));
        Line { first: time.first, slope: time.slope, steps: steps.min(above_floor) }
    }
}

/// What attention has to do in a step, and how much more in the next.
#[derive(Clone, Copy, Debug)]
struct Attention {
    /// Pairs of tokens, in 1/64.
    pairs: u64,
    pairs_grow: u64,
    /// Tokens read, in 1/64.
    units: u64,
    units_grow: u64,
}

impl Attention {
    fn of(load: &Load, growth: &Growth) -> Self {
        // Sequences that decode put `each` tokens through, and each token attends to itself too.
        let each = u64::from(load.decode_tokens / load.decodes.max(1));
        let drafts = u64::from(load.decodes) * each * (each + 1) / 2;
        let own = u64::from(load.decode_tokens) + u64::from(load.prefill_tokens).div_ceil(2);
        Self {
            pairs: load.context * each + (drafts + load.prefill_pairs) * CONTEXT_UNITS,
            pairs_grow: growth.context * each + growth.prefill_pairs * CONTEXT_UNITS,
            units: load.context + (load.prefill_context + own) * CONTEXT_UNITS,
            units_grow: growth.context + growth.prefill_context * CONTEXT_UNITS,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Affine {
    first: i64,
    slope: i64,
}

impl Affine {
    fn flat(first: i64) -> Self {
        Self { first, slope: 0 }
    }

    fn new(per_unit: i64, units: u64, grows: u64) -> Self {
        Self {
            first: per_unit.saturating_mul(units.cast_signed()),
            slope: per_unit.saturating_mul(grows.cast_signed()),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            first: self.first.saturating_add(other.first),
            slope: self.slope.saturating_add(other.slope),
        }
    }
}

/// The larger of two, and for how many steps it stays the larger.
fn upper(a: Affine, b: Affine) -> (Affine, u64) {
    let (high, low) = if (a.first, a.slope) >= (b.first, b.slope) { (a, b) } else { (b, a) };
    let steps = if low.slope > high.slope {
        ((high.first - low.first) / (low.slope - high.slope)) as u64 + 1
    } else {
        Line::LONGEST
    };
    (high, steps.min(Line::LONGEST))
}

fn ticks(ns: f64) -> i64 {
    (ns * TICKS_PER_NS as f64 + 0.5) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roofline() -> impl Strategy<Value = Roofline> {
        let overheads = (0.0..1e6f64, prop_oneof![Just(0.0), 1e6..1e9f64]);
        let costs = (1.0..1e5f64, 1.0..1e7f64, 0.0..100.0f64, 0.0..1e3f64);
        (overheads, costs, any::<bool>()).prop_map(|(overheads, costs, two)| {
            let (per_step, prompt_step) = overheads;
            let (per_token, weights, per_pair, per_context_token) = costs;
            let costs = RooflineCosts {
                per_step,
                per_token,
                weights,
                per_pair,
                per_context_token,
                prompt_step,
                ..RooflineCosts::default()
            };
            Roofline::new(costs, if two { Roofs::Two } else { Roofs::One })
        })
    }

    proptest! {
        /// Both sides of a crossing of compute and memory included.
        #[test]
        fn a_line_is_the_rule_step_by_step(
            rule in roofline(),
            decodes in 0..200u32,
            context in 0..200_000u64,
            chunk in 0..2_000u32,
            done in 0..100_000u64,
        ) {
            let context = context * CONTEXT_UNITS;
            let mut load = Load { decodes, decode_tokens: decodes, context, ..Load::default() };
            load.add_chunk(done, chunk);
            let growth = Growth {
                context: u64::from(decodes) * CONTEXT_UNITS,
                prefill_context: u64::from(chunk),
                prefill_pairs: u64::from(chunk) * u64::from(chunk),
            };
            let line = rule.line(&load, &growth);
            for j in (0..line.steps.min(500)).chain((line.steps < 1 << 20).then(|| line.steps - 1)) {
                let alone = rule.line(&load.after(&growth, j), &Growth::default()).first;
                prop_assert_eq!(line.step(j), alone);
            }
        }
    }
}
