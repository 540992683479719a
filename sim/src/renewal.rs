//! Something that is there for a drawn time and away for a drawn time, by turns.

use connector::Duration;

use crate::{config::Spells, control::Sampler, random::Stream};

/// See the module text.
#[derive(Debug)]
pub(crate) struct Renewal {
    up: Sampler,
    down: Sampler,
    stream: Stream,
}

impl Renewal {
    pub(crate) fn new(spells: Spells, stream: Stream) -> Self {
        Self { up: Sampler::new(spells.up), down: Sampler::new(spells.down), stream }
    }

    /// How long it is there, from now on.
    pub(crate) fn up(&mut self) -> Duration {
        self.up.draw(&mut self.stream)
    }

    /// How long it is away, from now on.
    pub(crate) fn down(&mut self) -> Duration {
        self.down.draw(&mut self.stream)
    }
}
