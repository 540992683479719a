use connector::Duration;
use sim::{
    Sampler,
    config::Latency,
    random::{Stream, Streams},
};

/// How long callers of one stream wait, drawn from a random stream of its own.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    law: Sampler,
    stream: Stream,
}

impl Patience {
    /// Of the stream of this number of a source.
    pub(super) fn new(law: Latency, name: &str, number: usize, seed: u64) -> Self {
        let stream = Streams::new(seed).stream(&format!("patience/{name}/{number}"));
        Self { law: Sampler::new(law), stream }
    }

    pub(super) fn sample(&mut self) -> Duration {
        self.law.draw(&mut self.stream)
    }
}
