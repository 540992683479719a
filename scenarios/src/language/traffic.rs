use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CovenantSpec, Either, LatencySpec, List, Optional, Positive, Quantity, Time, TokenCount, Whole,
};
use crate::{document::Node, rate::Rate};

/// One source of requests: exactly one of `arrivals` (synthetic), `users`, `trace` and `servegen`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficSpec {
    /// Name, unique. Its random streams are named after it, so that a source added, removed or
    /// moved does not change the requests of another.
    pub(crate) name: Node<String>,
    /// Name of the tenant who sends. Default: the first one; for `servegen`, one per client.
    pub(crate) tenant: Optional<String>,
    /// Name of the class, where the sender knows it. Default: the classifier decides.
    pub(crate) class: Optional<String>,
    /// Name of the model, where the sender insists on one. Default: the router decides.
    pub(crate) model: Optional<String>,
    /// How long a caller waits for a place before it goes away, counted from its arrival. Default:
    /// as long as the platform lets it wait.
    pub(crate) patience: Optional<LatencySpec>,
    /// What its requests are promised. Default: what their tenant states.
    pub(crate) covenant: Optional<CovenantSpec>,
    /// Synthetic arrivals.
    pub(crate) arrivals: Optional<ArrivalsSpec>,
    /// How the rate of synthetic arrivals changes over time. Default: it does not.
    pub(crate) rate_curve: Optional<RateCurveSpec>,
    /// Requests that arrive together, 1 to 1,000; the rate counts requests. Default: 1.
    pub(crate) batch: Optional<Whole<1, 1_000>>,
    /// Requests that a caller sends at once, 1 to 1,000, and is done when the last is answered; the
    /// rate counts requests. Default: callers send one at a time.
    pub(crate) fan_out: Optional<Whole<1, 1_000>>,
    /// Users who wait for their answer before they ask again.
    pub(crate) users: Optional<UsersSpec>,
    /// Lengths of prompts. Must be given for `arrivals` and `users`; for `servegen`, used for clients
    /// without a table.
    pub(crate) prompt_tokens: Optional<LengthSpec>,
    /// Lengths of answers, likewise.
    pub(crate) output_tokens: Optional<LengthSpec>,
    /// Arrivals and lengths from a file.
    pub(crate) trace: Optional<TraceSpec>,
    /// A mix of many clients, each with its own rate, burstiness and lengths.
    pub(crate) servegen: Optional<ServegenSpec>,
}

/// Users who wait for their answer, think, and ask again: a closed loop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersSpec {
    /// How many, 1 to 100,000.
    pub(crate) count: Node<Whole<1, 100_000>>,
    /// Time from an answer to the next question. Default: none.
    pub(crate) think: Optional<LatencySpec>,
    /// Time over which they begin, one after the other. Default: 0s, all at once.
    pub(crate) ramp_up: Optional<Time>,
}

/// The law of the times between arrivals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ArrivalsSpec {
    /// Independent arrivals: exponential gaps.
    Poisson {
        /// Mean rate, above zero.
        rate: Node<Quantity<Rate>>,
    },
    /// Gamma gaps; burstier than Poisson for `cv` above 1, more regular below.
    Gamma {
        /// Mean rate, above zero.
        rate: Node<Quantity<Rate>>,
        /// Standard deviation / mean of the gaps, 0.001 to 1,000.
        cv: Node<Positive<3>>,
    },
    /// Weibull gaps.
    Weibull {
        /// Mean rate, above zero.
        rate: Node<Quantity<Rate>>,
        /// Standard deviation / mean of the gaps, 0.1 to 10.
        cv: Node<Positive<1>>,
    },
    /// Markov-modulated Poisson: the rate jumps between states at random.
    Mmpp {
        /// At least two states, the first one first; each next one is drawn evenly from the others.
        states: Node<List<StateSpec>>,
    },
}

/// A state of a Markov-modulated Poisson process.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateSpec {
    /// Rate in this state; may be zero.
    pub(crate) rate: Node<Quantity<Rate>>,
    /// Mean time in this state, above zero.
    pub(crate) mean_stay: Node<Time>,
}

/// A factor on the rate, linear between points and repeated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateCurveSpec {
    /// After which time it starts over. Default: 24h.
    pub(crate) period: Optional<Time>,
    /// Points in order of time, at least one, within the period.
    pub(crate) points: Node<List<PointSpec>>,
}

/// A point of a rate curve.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointSpec {
    /// When, from the start of the period.
    pub(crate) at: Node<Time>,
    /// The rate there, as a share of the source's rate, 0% to 100,000%.
    pub(crate) factor: Node<Quantity<connector::BasisPoints>>,
}

/// A fixed number of tokens, or a distribution.
pub(crate) type LengthSpec = Either<TokenCount, LengthLaw>;

/// A distribution of lengths in tokens, at least 1.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LengthLaw {
    /// Lognormal by two quantiles.
    Lognormal {
        /// Median.
        p50: Node<TokenCount>,
        /// 95th percentile, at least the median.
        p95: Node<TokenCount>,
        /// Longest; longer ones are cut to it. Default: 131072.
        max: Optional<TokenCount>,
    },
    /// Every number between two bounds, evenly.
    Uniform {
        /// Least.
        min: Node<TokenCount>,
        /// Most.
        max: Node<TokenCount>,
    },
    /// Some numbers, each with a weight.
    Empirical(Node<List<WeightedSpec>>),
}

/// A length and how often it occurs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightedSpec {
    /// The length.
    pub(crate) tokens: Node<TokenCount>,
    /// Its share relative to the others. Default: 1.
    pub(crate) weight: Optional<Positive<9>>,
}

/// Arrivals and lengths from a file, plain or compressed with gzip or zstd.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceSpec {
    /// The file, relative to the scenario's. Its first row arrives at `start`.
    pub(crate) file: Node<String>,
    /// How it is written. Default: guessed from the first line.
    pub(crate) format: Optional<FormatSpec>,
    /// Stretches time: 2 makes every gap twice as long. Default: 1.
    pub(crate) time_scale: Optional<Positive<6>>,
    /// Scales the number of requests without changing the clock, 0.000001 to 64. Below 1, each row
    /// is kept with this probability; above 1, copies of the trace that begin at random places and
    /// wrap around are laid over it. Default: 1.
    pub(crate) rate: Optional<Positive<6>>,
    /// How far out of order rows may be; they are then put in order, and it is said how many.
    /// Default: 0s, which refuses the first row that goes back in time.
    pub(crate) sort_window: Optional<Time>,
    /// When the first row arrives. Default: 0s.
    pub(crate) start: Optional<Time>,
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatSpec {
    /// CSV of the Azure LLM inference traces.
    Azure,
    /// JSON lines of Mooncake.
    Mooncake,
    /// CSV with a header: `arrived_s` or `arrived_ms`, `prompt_tokens`, `output_tokens`, and
    /// optionally `tenant`, `class`, `model`.
    Own,
}

/// A mix of clients, in the tables of `ServeGen`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServegenSpec {
    /// Table of rates per client and window, CSV: `client`, `window_start_s`, `rate_rps`, `cv`,
    /// `family`, `shape`, `scale`.
    pub(crate) rates: Node<String>,
    /// Lengths per client and window: quantiles as CSV, or whole probability tables as JSON lines.
    /// Default: `prompt_tokens` and `output_tokens` for all clients.
    pub(crate) tokens: Optional<String>,
    /// Factor on every client's rate, 0.000001 to 1,000,000. Default: 1.
    pub(crate) scale: Optional<Positive<6>>,
    /// Where in the tables the run starts. Default: at their first window.
    pub(crate) start: Optional<Time>,
    /// Length of a window of the table of rates; above zero. Default: 10min.
    pub(crate) window: Optional<Time>,
}
