use connector::{BasisPoints, Duration};

use super::Sampler;
use crate::{
    config::Quirks,
    random::{Stream, Streams},
};

/// How a grant is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// As it should be.
    Granted,
    /// With silence.
    Nothing,
    /// With a success that names no share.
    Empty,
}

/// The quirks that leave something to chance.
#[derive(Debug)]
pub(super) struct Misbehaviour {
    ghosts: (BasisPoints, Stream),
    empty_200: (BasisPoints, Stream),
    slow_release: Option<(Sampler, Stream)>,
}

impl Misbehaviour {
    pub(super) fn new(region: &str, quirks: &Quirks, streams: Streams) -> Self {
        let stream = |quirk| streams.stream(&format!("control/{region}/{quirk}"));
        Self {
            ghosts: (quirks.ghosts, stream("ghosts")),
            empty_200: (quirks.empty_200, stream("empty_200")),
            slow_release: quirks
                .slow_release
                .map(|latency| (Sampler::new(latency), stream("slow_release"))),
        }
    }

    pub(super) fn tell_grant(&mut self) -> Telling {
        // Both are drawn for every grant, so that neither moves the other.
        let [ghost, empty] = [&mut self.ghosts, &mut self.empty_200]
            .map(|(rate, stream)| *rate > BasisPoints::ZERO && stream.chance(*rate));
        match (ghost, empty) {
            (true, _) => Telling::Nothing,
            (false, true) => Telling::Empty,
            (false, false) => Telling::Granted,
        }
    }

    pub(super) fn release_time(&mut self) -> Duration {
        match &mut self.slow_release {
            Some((sampler, stream)) => sampler.draw(stream),
            None => Duration::ZERO,
        }
    }
}
