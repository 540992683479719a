use schemars::JsonSchema;
use serde::Deserialize;

use super::{Optional, Time};

/// How long each step may take; all above zero.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeoutsSpec {
    /// Waiting in a cable's queue; half of `total` at most. Default: 30s.
    pub(crate) queue: Optional<Time>,
    /// From asking for a share to its grant. Default: 30s.
    pub(crate) allocation: Optional<Time>,
    /// From asking for an inference to its first token; no longer than `inference`. Default: no
    /// limit of its own.
    pub(crate) first_token: Optional<Time>,
    /// From one token to the next, where the far side tells of them; noticed within one and a half
    /// times as long. Default: no limit.
    pub(crate) between_tokens: Optional<Time>,
    /// From asking for an inference to its end. Default: 5min.
    pub(crate) inference: Optional<Time>,
    /// From the arrival of a request to its answer, with all waiting and all tries: what cannot be
    /// done in what is left of it is not begun. Default: no limit.
    pub(crate) total: Optional<Time>,
    /// From a release to its confirmation; then it is asked again. Default: 30s.
    pub(crate) release: Optional<Time>,
    /// What becomes of an inference that nobody waits for any more. Default: cancel.
    pub(crate) abandon: Optional<AbandonSpec>,
}

/// What becomes of an inference that nobody waits for any more.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AbandonSpec {
    /// It is stopped, and its share given back.
    Cancel,
    /// It runs on to its end and keeps its share until then, as the work of a client does that just
    /// closes its connection.
    Leave,
}
