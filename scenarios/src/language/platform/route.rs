use connector::BasisPoints;
use schemars::{JsonSchema, Schema, json_schema};
use serde::Deserialize;

use crate::language::{Entries, List, Optional, Quantity, Whole};

/// How candidates are ranked. Local pools come after all others whatever the rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(transform = bare_words)]
pub(crate) enum RouterSpec {
    /// Lowest price for the expected time first.
    Cheapest,
    /// Shortest expected end-to-end time first.
    Fastest,
    /// Any, with equal chances.
    Random,
    /// One after the other.
    RoundRobin,
    /// By pool, how often it is chosen relative to the others, 0 to 1,000,000; smooth weighted round
    /// robin. Pools left out have weight 0: they are fallbacks only.
    Weighted(Entries<Whole<0, 1_000_000>>),
    /// Fewest requests, under way and in line, per place.
    LeastLoaded,
    /// The better of two drawn at random.
    PowerOfTwo {
        /// What makes one of them better. Default: latency.
        by: Optional<MeasureSpec>,
    },
    /// Prompts that begin alike go to the same pool.
    PrefixAffine {
        /// Blocks at the beginning of a prompt that decide, 1 to 64. Default: 2.
        blocks: Optional<Whole<1, 64>>,
        /// Highest load of a pool relative to the mean of all, at least 100%. Default: 125%.
        load_factor: Optional<Quantity<BasisPoints>>,
    },
    /// Latency-sensitive tenants: dedicated pools; models below 8 GiB: preemptible ones; others:
    /// standard ones; within the kind, and behind it, the cheapest first.
    Tiered,
    /// The cheapest that is predicted to keep the covenant.
    Covenant {
        /// Quantile of the predicted times that must be within the targets, 50% to 99.9%. Default:
        /// 95%.
        quantile: Optional<Quantity<BasisPoints>>,
        /// Room that a prediction must leave, as a share of the target, 0% to 90%. Default: 0%.
        margin: Optional<Quantity<BasisPoints>>,
    },
    /// A fixed list of candidates per class, each written `model@pool`.
    Static(Entries<List<String>>),
}

/// What makes one of two candidates better.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeasureSpec {
    /// Fewer requests per place.
    Load,
    /// Less expected time, measured, times requests per place (peak EWMA).
    Latency,
}

/// Rules whose settings all have defaults may be written as a bare word.
fn bare_words(schema: &mut Schema) {
    let Some(rules) = schema.get_mut("oneOf").and_then(|rules| rules.as_array_mut()) else {
        return;
    };
    let words = ["power_of_two", "prefix_affine", "covenant"];
    rules.push(json_schema!({ "type": "string", "enum": words }).into());
}
