use std::{num::NonZero, sync::Arc};

use connector::{Content, Duration, FanOut, Timestamp, Tokens};
use sim::random::{Stream, Streams};

use super::{
    Arrival, Labels,
    curve::Curve,
    gaps::{GapLaw, Instants, instant},
    lengths::LengthSampler,
};

/// Synthetic arrivals: a law of gaps, and laws of lengths.
#[derive(Clone, Debug)]
pub(crate) struct Synthetic {
    pub(crate) labels: Labels,
    /// Of batches, on the curve's clock.
    pub(crate) gaps: GapLaw,
    pub(crate) curve: Option<Arc<Curve>>,
    /// Requests per arrival, at least 1.
    pub(crate) batch: NonZero<u16>,
    /// Whether those are the parts of one fan-out.
    pub(crate) fans_out: bool,
    pub(crate) lengths: Lengths,
}

/// Laws of both lengths of a request.
#[derive(Clone, Debug)]
pub(crate) struct Lengths {
    pub(crate) prompt: LengthSampler,
    pub(crate) output: LengthSampler,
}

/// Lengths drawn from streams of their own, so that a change of one law moves nothing else.
#[derive(Clone, Debug)]
pub(super) struct LengthStreams {
    prompt: Stream,
    output: Stream,
}

impl LengthStreams {
    pub(super) fn new(streams: Streams, name: &str) -> Self {
        Self {
            prompt: streams.stream(&format!("prompts/{name}")),
            output: streams.stream(&format!("outputs/{name}")),
        }
    }

    pub(super) fn sample(&mut self, lengths: &Lengths) -> (Tokens, Tokens) {
        (lengths.prompt.sample(&mut self.prompt), lengths.output.sample(&mut self.output))
    }
}

/// The requests of one synthetic source.
#[derive(Clone, Debug)]
pub(super) struct SyntheticStream {
    source: Synthetic,
    instants: Instants,
    lengths: LengthStreams,
    end: Timestamp,
    /// Requests of the present batch that are still to come.
    left: u16,
    at: Timestamp,
}

impl SyntheticStream {
    pub(super) fn new(source: &Synthetic, name: &str, seed: u64, end: Option<Duration>) -> Self {
        let streams = Streams::new(seed);
        Self {
            instants: Instants::new(
                source.gaps.clone(),
                streams.stream(&format!("arrivals/{name}")),
            ),
            lengths: LengthStreams::new(streams, name),
            source: source.clone(),
            end: end.map_or(Timestamp::MAX, |end| Timestamp::ZERO + end),
            left: 0,
            at: Timestamp::ZERO,
        }
    }

    pub(super) fn next(&mut self) -> Option<Arrival> {
        if self.left == 0 {
            let seconds = self.instants.next();
            let seconds =
                self.source.curve.as_ref().map_or(seconds, |curve| curve.real_time(seconds));
            self.at = instant(seconds);
            self.left = self.source.batch.get();
        }
        if self.at >= self.end {
            return None;
        }
        self.left -= 1;
        let (prompt_tokens, output_tokens) = self.lengths.sample(&self.source.lengths);
        let parts = self.source.batch;
        let part = parts.get() - self.left - 1;
        Some(Arrival {
            at: self.at,
            prompt_tokens,
            output_tokens,
            labels: self.source.labels,
            content: Content::Unknown,
            fan_out: self.source.fans_out.then_some(FanOut { part, parts }),
        })
    }
}
