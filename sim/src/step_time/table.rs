//! Step times from measured kernels.
//!
//! # Mechanism
//!
//! A step takes the time of its layers at the tokens that go through them, of what is done once per
//! sequence, of attention, and an overhead. Each is looked up in measurements and interpolated
//! linearly on every axis; logarithmic interpolation was three times as far off when left-out points
//! of a published profile were predicted. Attention has three tables: sequences that decode
//! (how many, mean context), pieces of prompts (tokens, tokens in the cache before them), and both at
//! once, because kernels that do both take up to 40 % longer than the two one after the other.
//!
//! While the batch stays the same the mean context grows by a token per step, so the time is affine
//! until the mean passes the next measured context; there the line ends. Steps with pieces of prompts
//! are looked up one by one.
//!
//! # Edges
//!
//! Below the least measured value the nearest counts, above the greatest the last two are continued,
//! but longer contexts never take less time than the longest measured.

mod grid;

use self::grid::Grid;
pub use self::grid::TableError;
use super::{CONTEXT_UNITS, Growth, Line, Load, StepTime, TICKS_PER_NS, line};

/// A measurement of attention over all layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionPoint {
    /// Prompt tokens processed.
    pub prefill_tokens: u32,
    /// Tokens of those prompts in the cache before.
    pub prefill_context: u32,
    /// Sequences that decode.
    pub decodes: u32,
    /// Tokens in the cache of each of them.
    pub decode_context: u32,
    /// Nanoseconds.
    pub ns: f64,
}

/// Measured kernels as a rule for step times.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    overhead_ns: f64,
    per_tokens: Grid<1>,
    per_sequences: Grid<1>,
    decoding: Grid<2>,
    prompts: Grid<2>,
    both: Grid<4>,
}

impl Table {
    /// From the nanoseconds of all layers by tokens, of everything that is done once per sequence by
    /// sequences, and of attention; `overhead_ns` is added to every step.
    ///
    /// # Errors
    /// If a table is empty, has holes, or holds something that is not a time.
    pub fn new(
        by_tokens: &[(u32, f64)],
        by_sequences: &[(u32, f64)],
        attention: &[AttentionPoint],
        overhead_ns: f64,
    ) -> Result<Self, TableError> {
        let line = |points: &[(u32, f64)]| points.iter().map(|&(x, ns)| ([x], ns)).collect();
        let part = |wanted: fn(&AttentionPoint) -> bool| {
            attention.iter().filter(move |point| wanted(point))
        };
        let decoding = part(|point| point.prefill_tokens == 0 && point.decodes > 0);
        let prompts = part(|point| point.prefill_tokens > 0 && point.decodes == 0);
        let both = part(|point| point.prefill_tokens > 0 && point.decodes > 0);
        let all = |p: &AttentionPoint| {
            ([p.prefill_tokens, p.prefill_context, p.decodes, p.decode_context], p.ns)
        };
        Ok(Self {
            overhead_ns,
            per_tokens: Grid::new("layers by tokens", line(by_tokens))?,
            per_sequences: Grid::new("work by sequences", line(by_sequences))?,
            decoding: Grid::new(
                "attention of decoding",
                decoding.map(|p| ([p.decodes, p.decode_context], p.ns)).collect(),
            )?,
            prompts: Grid::new(
                "attention of prompts",
                prompts.map(|p| ([p.prefill_tokens, p.prefill_context], p.ns)).collect(),
            )?,
            both: Grid::new("attention of both", both.map(all).collect())?,
        })
    }

    fn without_attention(&self, load: &Load) -> f64 {
        let sequences = f64::from(load.decodes + load.prefills);
        self.overhead_ns
            + self.per_tokens.value([f64::from(load.tokens())])
            + self.per_sequences.value([sequences])
    }

    fn with_prompts(&self, load: &Load) -> f64 {
        let (tokens, done) = (f64::from(load.prefill_tokens), load.prefill_context as f64);
        match load.decodes {
            0 => self.prompts.value([tokens, done]),
            decodes => self.both.value([tokens, done, f64::from(decodes), mean_context(load)]),
        }
    }

    /// Attention of a step of decoding only. On a piece between two measured contexts it is a whole
    /// number of ticks at the beginning and per unit of context, so that it does not matter where on
    /// the piece a stretch begins.
    fn while_decoding(&self, load: &Load, growth: &Growth) -> Line {
        let (decodes, context) = (f64::from(load.decodes), mean_context(load));
        let piece = self.decoding.along_last([decodes, context]);
        let units = u64::from(load.decodes) * CONTEXT_UNITS;
        let whole = |ns: f64| libm::round(ns * TICKS_PER_NS as f64) as i64;
        let slope = whole(piece.slope / units as f64);
        let into = load.context - u64::from(piece.from) * units;
        let steps = match piece.until.map(|knot| u64::from(knot) * units) {
            Some(end) if growth.context > 0 => (end - load.context - 1) / growth.context + 1,
            Some(_) | None => Line::LONGEST,
        };
        Line {
            first: whole(piece.value).saturating_add(slope.saturating_mul(into.cast_signed())),
            slope: slope.saturating_mul(growth.context.cast_signed()),
            steps: steps.min(Line::LONGEST),
        }
    }
}

fn mean_context(load: &Load) -> f64 {
    load.context as f64 / (u64::from(load.decodes) * CONTEXT_UNITS) as f64
}

impl StepTime for Table {
    fn line(&self, load: &Load, growth: &Growth) -> Line {
        let rest = self.without_attention(load);
        if load.prefill_tokens > 0 {
            let first = line::ticks(rest + self.with_prompts(load));
            return Line { first, slope: 0, steps: 1 };
        }
        if load.decodes == 0 {
            return Line::constant(rest);
        }
        let attention = self.while_decoding(load, growth);
        Line { first: line::ticks(rest).saturating_add(attention.first), ..attention }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: [u32; 4] = [1, 16, 256, 2_048];
    const CONTEXTS: [u32; 4] = [16, 64, 256, 1_024];

    fn table() -> Table {
        let line = |per: f64| TOKENS.map(|n| (n, 1e5 + per * f64::from(n)));
        let mut attention = Vec::new();
        for context in CONTEXTS {
            for count in [1, 8, 64] {
                let ns = f64::from(count) * f64::from(context) * 3.0 + 500.0;
                let point = |prefill_tokens, prefill_context, decodes, decode_context, ns| {
                    AttentionPoint { prefill_tokens, prefill_context, decodes, decode_context, ns }
                };
                attention.push(point(0, 0, count, context, ns));
                attention.push(point(count, context, 0, 0, 2.0 * ns));
                for done in CONTEXTS {
                    for chunk in [1, 8, 64] {
                        let both = ns + f64::from(chunk) * f64::from(done);
                        attention.push(point(chunk, done, count, context, both));
                    }
                }
            }
        }
        Table::new(&line(50.0), &line(7.0), &attention, 1_000.0).expect("no holes")
    }

    fn decoding(decodes: u32, context: u64) -> (Load, Growth) {
        let context = context * CONTEXT_UNITS;
        let load =
            Load { decodes, decode_tokens: decodes, context, sampled: decodes, ..Load::default() };
        (load, Growth { context: u64::from(decodes) * CONTEXT_UNITS, ..Growth::default() })
    }

    fn ns(ticks: i64) -> f64 {
        ticks as f64 / TICKS_PER_NS as f64
    }

    #[test]
    fn a_measured_step_takes_what_was_measured() {
        let (load, growth) = decoding(8, 8 * 64);
        let expected = (1e5 + 50.0 * 8.0) + (1e5 + 7.0 * 8.0) + (8.0 * 64.0 * 3.0 + 500.0) + 1e3;
        assert!((ns(table().line(&load, &growth).first) - expected).abs() < 1e-3);
    }

    #[test]
    fn a_piece_of_a_prompt_among_others_is_looked_up_with_them() {
        let (mut load, growth) = decoding(8, 8 * 64);
        load.add_chunk(256, 8);
        let line = table().line(&load, &growth);
        let attention = 8.0 * 64.0 * 3.0 + 500.0 + 8.0 * 256.0;
        let expected = (1e5 + 50.0 * 16.0) + (1e5 + 7.0 * 9.0) + attention + 1e3;
        assert!((ns(line.first) - expected).abs() < 1e-3);
        assert_eq!(line.steps, 1);
    }

    #[test]
    fn a_line_holds_up_to_the_next_measured_context_and_no_further() {
        let table = table();
        for (decodes, context) in [(1, 3), (3, 3 * 17), (8, 8 * 250 + 5), (64, 64 * 3_000)] {
            let (load, growth) = decoding(decodes, context);
            let line = table.line(&load, &growth);
            assert!(line.steps > 0);
            for j in 0..line.steps.min(300) {
                let alone = table.line(&load.after(&growth, j), &growth).first;
                assert_eq!(line.step(j), alone, "step {j}");
            }
        }
    }

    #[test]
    fn holes_and_nonsense_are_refused() {
        let one = [(1, 1.0)];
        assert!(Table::new(&one, &one, &[], 0.0).is_err());
        let hole = [(1, f64::NAN)];
        assert_eq!(
            Table::new(&hole, &one, &[], 0.0).expect_err("not a time").to_string(),
            "layers by tokens: NaN is not a time in nanoseconds"
        );
    }
}
