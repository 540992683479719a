use connector::Duration;

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Waiting in a cable's queue. Where `total` is given, no more than half of that.
    pub queue: Duration,
    /// From asking for a share to its grant.
    pub allocation: Duration,
    /// From asking for an inference to its first token. `None`: no limit of its own.
    pub first_token: Option<Duration>,
    /// From one token to the next, as far as the far side tells. `None`: no limit.
    pub between_tokens: Option<Duration>,
    /// From asking for an inference to its end.
    pub inference: Duration,
    /// From the arrival of a request to its answer, all tries included. `None`: no limit.
    pub total: Option<Duration>,
    /// From a release to its confirmation; then it is asked again.
    pub release: Duration,
    /// What becomes of an inference that nobody waits for any more.
    pub abandon: Abandon,
}

/// What becomes of an inference that nobody waits for any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abandon {
    /// It is stopped and its share given back.
    #[default]
    Cancel,
    /// It runs on to its end and keeps its share until then, as the work of a client does that just
    /// closes its connection. For experiments: this is what keeps an overload alive.
    Leave,
}

impl Timeouts {
    /// The longest wait in a line. Whoever waits for longer than half of the time there is leaves
    /// the work too little: a bound of half the time-out is what ends an overload at once, because
    /// everybody who is served is then served in time.
    pub(crate) fn in_line(&self) -> Duration {
        self.total.map_or(self.queue, |total| self.queue.min(total / 2))
    }
}

impl Default for Timeouts {
    /// 30 s in a queue, 30 s for an allocation, 5 min for an inference, 30 s for a release, no other
    /// limit; what nobody waits for is cancelled.
    fn default() -> Self {
        Self {
            queue: Duration::from_secs(30),
            allocation: Duration::from_secs(30),
            first_token: None,
            between_tokens: None,
            inference: Duration::from_secs(300),
            total: None,
            release: Duration::from_secs(30),
            abandon: Abandon::Cancel,
        }
    }
}
