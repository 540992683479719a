use connector::Duration;
use sim::{
    Sampler,
    config::Latency,
    random::{Stream, Streams},
};

/// How long callers wait for one thing, drawn from a random stream of its own.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    law: Sampler,
    stream: Stream,
}

impl Waits {
    /// For a place, of the stream of this number of a source.
    pub(super) fn patience(law: Latency, name: &str, number: usize, seed: u64) -> Self {
        Self::new(law, &format!("patience/{name}/{number}"), seed)
    }

    /// Of this user of a source, from an answer to the next question.
    pub(super) fn thoughts(law: Latency, name: &str, number: usize, seed: u64) -> Self {
        Self::new(law, &format!("thoughts/{name}/{number}"), seed)
    }

    fn new(law: Latency, stream: &str, seed: u64) -> Self {
        Self { law: Sampler::new(law), stream: Streams::new(seed).stream(stream) }
    }

    pub(super) fn sample(&mut self) -> Duration {
        self.law.draw(&mut self.stream)
    }
}
