use connector::Duration;

use super::BudgetConfig;

/// When and how often a failed call is tried again on the same pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// Tries after the first.
    pub max_retries: u32,
    /// Pause before the first retry.
    pub base: Duration,
    /// Growth of the pause from one retry to the next: 2 doubles it.
    pub multiplier: u32,
    /// Longest pause.
    pub cap: Duration,
    /// How the pause is randomised.
    pub jitter: Jitter,
    /// How much work may be sent again, over all requests and cables. `None`: no bound.
    pub budget: Option<BudgetConfig>,
    /// Whether an inference that took too long is tried again on the same pool. It had its time:
    /// another one there would take the caller as long again, so the default is no, and the next
    /// candidate is tried at once.
    pub after_timeout: bool,
    /// What is done about an inference that fails after its first token.
    pub mid_stream: MidStream,
}

/// How a pause is randomised, so that failed callers do not come back together (Brooker,
/// "Exponential Backoff And Jitter", AWS 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// The pause as computed.
    None,
    /// Uniform between 0 and the pause.
    Full,
    /// Half the pause, plus uniform up to the other half.
    Equal,
}

/// What is done about an inference that fails after its first token, where it would be tried again
/// if it had failed before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MidStream {
    /// It starts anew: what was generated is generated again.
    #[default]
    Restart,
    /// It goes on: the next strike gets the prompt and what was generated, as far as that is known,
    /// and generates the rest.
    Resume,
    /// The request fails with it.
    Fail,
}

impl Default for RetryConfig {
    /// 100, 200, 400, at most 800 ms, full jitter, 3 retries, within the default budget, not after
    /// an inference's time-out; failed streams start anew.
    fn default() -> Self {
        Self {
            max_retries: 3,
            base: Duration::from_millis(100),
            multiplier: 2,
            cap: Duration::from_millis(800),
            jitter: Jitter::Full,
            budget: Some(BudgetConfig::default()),
            after_timeout: false,
            mid_stream: MidStream::Restart,
        }
    }
}
