use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use connector::{Duration, RequestId, Timestamp};
use platform::{Request, Terms};

use super::{
    Arrival, SourceKind, TrafficError, TrafficSource, replay::ReplayStream, servegen::ClientStream,
    synthetic::SyntheticStream, waits::Waits,
};
use crate::trace::TraceError;

/// All requests of a run that come whatever is answered, in order of time, numbered from 0, made as they
/// are asked for.
///
/// Requests at the same instant come in the order of their sources. An error ends the iteration.
#[derive(Debug)]
pub struct Arrivals {
    /// The next arrival of every stream that has one.
    heads: BinaryHeap<Reverse<Head>>,
    streams: Vec<Stream>,
    next_id: u64,
    error: Option<TrafficError>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Stream {
    source_name: String,
    kind: StreamKind,
    patience: Option<Waits>,
    terms: Option<Arc<Terms>>,
}

#[derive(Debug)]
enum StreamKind {
    Synthetic(Box<SyntheticStream>),
    Replay(Box<ReplayStream>),
    Client(Box<ClientStream>),
}

impl Stream {
    fn next(&mut self) -> Result<Option<Arrival>, TrafficError> {
        match &mut self.kind {
            StreamKind::Synthetic(stream) => Ok(stream.next()),
            StreamKind::Client(stream) => Ok(stream.next()),
            StreamKind::Replay(stream) => {
                stream.next().map_err(|error| trace_error(&self.source_name, error))
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        match &self.kind {
            StreamKind::Replay(stream) => stream.warnings(),
            StreamKind::Synthetic(_) | StreamKind::Client(_) => Vec::new(),
        }
    }
}

/// Ordered by time, then by stream.
#[derive(Debug)]
struct Head {
    arrival: Arrival,
    stream: usize,
}

impl Head {
    fn key(&self) -> (Timestamp, usize) {
        (self.arrival.at, self.stream)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// What a stream adds to its arrivals.
struct Manner {
    /// How long the caller waits for a place.
    patience: Option<Duration>,
    /// What is promised.
    terms: Option<Arc<Terms>>,
}

impl Arrivals {
    pub(super) fn new(
        sources: &[TrafficSource],
        seed: u64,
        end: Option<Duration>,
    ) -> Result<Self, TrafficError> {
        let mut arrivals = Self {
            heads: BinaryHeap::new(),
            streams: Vec::new(),
            next_id: 0,
            error: None,
            warnings: Vec::new(),
        };
        for source in sources {
            for (number, kind) in unfold(source, seed, end)?.into_iter().enumerate() {
                let of = |law| Waits::patience(law, &source.name, number, seed);
                let patience = source.patience.map(of);
                let (source_name, terms) = (source.name.clone(), source.terms.clone());
                arrivals.add(Stream { source_name, kind, patience, terms })?;
            }
        }
        Ok(arrivals)
    }

    fn add(&mut self, mut stream: Stream) -> Result<(), TrafficError> {
        if let Some(arrival) = stream.next()? {
            self.heads.push(Reverse(Head { arrival, stream: self.streams.len() }));
        }
        self.streams.push(stream);
        Ok(())
    }

    /// What was noticed but did not stop the run; complete once the iterator has ended.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Takes the earliest arrival, with what its stream adds to it, and puts its stream's next one in
    /// its place.
    fn pop(&mut self) -> Option<(Arrival, Manner)> {
        let mut top = self.heads.peek_mut()?;
        let Reverse(head) = &mut *top;
        let stream = &mut self.streams[head.stream];
        let patience = stream.patience.as_mut().map(Waits::sample);
        let manner = Manner { patience, terms: stream.terms.clone() };
        match stream.next() {
            Ok(Some(next)) => return Some((std::mem::replace(&mut head.arrival, next), manner)),
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        let Reverse(head) = std::collections::binary_heap::PeekMut::pop(top);
        Some((head.arrival, manner))
    }

    fn finish(&mut self) {
        if self.warnings.is_empty() {
            self.warnings = self.streams.iter().flat_map(Stream::warnings).collect();
        }
    }
}

fn unfold(
    source: &TrafficSource,
    seed: u64,
    end: Option<Duration>,
) -> Result<Vec<StreamKind>, TrafficError> {
    let name = &source.name;
    Ok(match &source.kind {
        SourceKind::Synthetic(synthetic) => {
            let stream = SyntheticStream::new(synthetic, name, seed, end);
            vec![StreamKind::Synthetic(Box::new(stream))]
        }
        SourceKind::Mix(mix) => {
            let clients = mix.streams(name, seed, end).into_iter();
            clients.map(|client| StreamKind::Client(Box::new(client))).collect()
        }
        SourceKind::Replay(replay) => {
            let copies =
                replay.streams(name, seed, end).map_err(|error| trace_error(name, error))?;
            copies.into_iter().map(|copy| StreamKind::Replay(Box::new(copy))).collect()
        }
        // What they ask depends on the answers: `Users` tells.
        SourceKind::Users(_) => Vec::new(),
    })
}

fn trace_error(source_name: &str, error: TraceError) -> TrafficError {
    TrafficError::Trace { source_name: source_name.to_owned(), error: Box::new(error) }
}

impl Iterator for Arrivals {
    type Item = Result<Request, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let Some((arrival, manner)) = self.pop() else {
            self.finish();
            return None;
        };
        let Arrival { at, prompt_tokens, output_tokens, labels, content, fan_out } = arrival;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        Some(Ok(Request {
            id,
            tenant: labels.tenant,
            arrived: at,
            prompt_tokens,
            output_tokens,
            content,
            class: labels.class,
            model: labels.model,
            patience: manner.patience,
            terms: manner.terms,
            fan_out,
        }))
    }
}
