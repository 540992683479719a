use std::str::FromStr;

use connector::{BasisPoints, Duration, Statistic};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::{Notation, Optional, Quantity, Span};

/// When a request that takes long is sent a second time. The first answer counts, the other strike is
/// called off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HedgingSpec {
    /// How long the first strike may take: a time above zero, or a percentile from `p1` to `p99.99` of
    /// what strikes of the same model took lately in the same pool. Default: p95.
    pub(crate) after: Optional<Quantity<HedgeDelay>>,
    /// What is awaited for so long, and decides which strike has won. Default: `first_token`.
    pub(crate) measure: Optional<HedgeMeasureSpec>,
    /// Whether the same pool is asked for another share where no other pool takes the request.
    /// Default: false.
    pub(crate) same_pool: Optional<bool>,
}

/// What of a strike is measured.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HedgeMeasureSpec {
    /// From asking for a share to the first token.
    FirstToken,
    /// From asking for a share to the whole answer.
    EndToEnd,
}

/// A time, or a percentile of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HedgeDelay {
    Fixed(Duration),
    Quantile(BasisPoints),
}

impl Notation for HedgeDelay {
    const TITLE: &'static str = "HedgeDelay";
    const EXAMPLES: &'static [&'static str] = &["p95", "p99.9", "200ms"];
}

impl FromStr for HedgeDelay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with('p') {
            let refused = |error| format!("{error}, or a percentile such as p95");
            let time = text.parse::<Span>().map_err(refused)?.0;
            return if time.is_zero() {
                Err("a hedge at once would double all traffic: it must be later than 0s".into())
            } else {
                Ok(Self::Fixed(time))
            };
        }
        let share = match Statistic::from_name(text) {
            Some(Statistic::Percentile(share)) if share % 10 == 0 => share / 10,
            Some(_) | None => 0,
        };
        if (100..10_000).contains(&share) {
            return Ok(Self::Quantile(BasisPoints::new(share)));
        }
        let shown = crate::document::shorten(text);
        Err(format!("`{shown}` is not a percentile between p1 and p99.99"))
    }
}
