//! Serving stacks as fitted to published measurements: `fitted.csv`, which says where each row is from.
//! `harpoon calibrate --fit` makes such rows.

use std::sync::LazyLock;

use connector::Duration;
use serde::Deserialize;

use crate::config::{Efficiency, LongSteps, ModelShape};

/// A serving stack on a card, with one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The card, as in the catalogue.
    pub card: String,
    /// The model that was measured.
    pub model: String,
    /// Its parameters used per token.
    pub active_parameters: f64,
    /// The stack.
    pub stack: String,
    /// Bits per weight.
    pub weight_bits: u32,
    /// What was fitted, to all points.
    pub efficiency: Efficiency,
    /// Measured operating points.
    pub points: u32,
    /// How far off points were that were held back.
    pub errors: FittedErrors,
}

/// Absolute errors as shares of what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct FittedErrors {
    /// Time to first token, median.
    pub ttft_median: f64,
    /// Time to first token, 90th percentile.
    pub ttft_p90: f64,
    /// Time per output token, median.
    pub tpot_median: f64,
    /// Time per output token, 90th percentile.
    pub tpot_p90: f64,
}

/// What was fitted of this stack on this card, of the model that is nearest in parameters used per
/// token, and of its precision where there are two. `None` if it was not measured on this card.
pub fn fitted(card: &str, stack: &str, shape: &ModelShape) -> Option<&'static Fitted> {
    let distance = |fitted: &&Fitted| {
        let parameters = libm::log(fitted.active_parameters / shape.active_parameters);
        let precision = if fitted.weight_bits == shape.weight_bits { 0.0 } else { 0.1 };
        libm::fabs(parameters) + precision
    };
    let measured = FITTED.iter().filter(|fitted| fitted.is(card, stack));
    measured.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The stacks that were measured on this card.
pub fn stacks(card: &str) -> impl Iterator<Item = &'static str> {
    let mut stacks: Vec<&str> = FITTED
        .iter()
        .filter(|fitted| fitted.card.eq_ignore_ascii_case(card))
        .map(|fitted| fitted.stack.as_str())
        .collect();
    stacks.sort_unstable();
    stacks.dedup();
    stacks.into_iter()
}

impl Fitted {
    fn is(&self, card: &str, stack: &str) -> bool {
        self.card.eq_ignore_ascii_case(card) && self.stack == stack
    }
}

static FITTED: LazyLock<Vec<Fitted>> = LazyLock::new(|| {
    let text = include_str!("fitted.csv");
    let mut rows = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    rows.deserialize().map(|row: Result<Row, _>| row.expect("the catalogue's own").into()).collect()
});

#[derive(Deserialize)]
struct Row {
    card: String,
    model: String,
    active_parameters_billion: f64,
    stack: String,
    weight_bits: u32,
    compute: f64,
    memory: f64,
    attention: f64,
    kv_cache: f64,
    link: f64,
    long_step_tokens: Option<u32>,
    long_step_link: Option<f64>,
    per_step_us: f64,
    per_sequence_us: f64,
    prompt_step_us: f64,
    exchange_us: f64,
    front_end_us: f64,
    points: u32,
    ttft_median: f64,
    ttft_p90: f64,
    tpot_median: f64,
    tpot_p90: f64,
}

impl From<Row> for Fitted {
    fn from(row: Row) -> Self {
        let time = |us: f64| Duration::from_nanos((us * 1e3 + 0.5) as u64);
        Self {
            card: row.card,
            model: row.model,
            active_parameters: row.active_parameters_billion * 1e9,
            stack: row.stack,
            weight_bits: row.weight_bits,
            efficiency: Efficiency {
                compute: row.compute,
                long_steps: row
                    .long_step_tokens
                    .zip(row.long_step_link)
                    .map(|(tokens, link)| LongSteps { tokens, link }),
                memory: row.memory,
                attention: row.attention,
                kv_cache: row.kv_cache,
                link: row.link,
                per_step: time(row.per_step_us),
                per_sequence: time(row.per_sequence_us),
                prompt_step: time(row.prompt_step_us),
                exchange: time(row.exchange_us),
                front_end: time(row.front_end_us),
            },
            points: row.points,
            errors: FittedErrors {
                ttft_median: row.ttft_median,
                ttft_p90: row.ttft_p90,
                tpot_median: row.tpot_median,
                tpot_p90: row.tpot_p90,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue, config::Timing};

    #[test]
    fn every_row_is_possible_and_of_a_card_of_the_catalogue() {
        assert!(!FITTED.is_empty());
        for fitted in FITTED.iter() {
            assert!(catalogue::gpu(&fitted.card).is_some(), "{fitted:?}");
            let reached = &fitted.efficiency;
            let shares = [reached.compute, reached.memory, reached.attention, reached.kv_cache];
            assert!(shares.into_iter().all(|share| share > 0.0 && share <= 1.0), "{fitted:?}");
            assert!(fitted.points > 0 && fitted.errors.tpot_median < 1.0, "{fitted:?}");
        }
    }

    #[test]
    fn the_nearest_model_counts() {
        let shape = |name: &str| match catalogue::model(name).expect("known").config.timing {
            Timing::Roofline(shape) => shape,
            Timing::Linear(_) => unreachable!("the catalogue has shapes"),
        };
        let model = |card, stack, name: &str| {
            fitted(card, stack, &shape(name)).map(|fitted| fitted.model.as_str())
        };
        assert_eq!(model("h200", "vllm", "mistral-7b"), Some("Llama-3.1-70B"));
        assert_eq!(model("H100", "trtllm", "qwen-72b"), Some("Llama-3.1-8B"));
        assert_eq!(model("A100-80", "static-batch", "qwen-72b"), Some("Llama-2-70B"));
        assert!(fitted("L4", "vllm", &shape("mistral-7b")).is_none());
    }
}
