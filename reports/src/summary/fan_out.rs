use connector::Scope;
use serde::Serialize;

use super::{Latency, Measured};

/// What became of fan-outs, each counted once when its last part has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FanOutReport {
    /// All of them.
    pub ended: u64,
    /// Those all of whose parts completed, and none broke its covenant.
    pub kept: u64,
    /// Kept / ended.
    pub kept_share: Option<f64>,
    /// From arrival to the answer to the last part, of those all of whose parts completed.
    pub latency: Latency,
}

impl FanOutReport {
    /// `None` if there were none.
    pub(super) fn of(measured: &Measured) -> Option<Self> {
        let (fan_outs, everything) = (&measured.fan_outs, Scope::default());
        let latency = fan_outs.whole(&everything).map(Latency::from)?;
        (fan_outs.ended > 0).then(|| Self {
            ended: fan_outs.ended,
            kept: fan_outs.kept,
            kept_share: fan_outs.kept_share(&everything),
            latency,
        })
    }
}
