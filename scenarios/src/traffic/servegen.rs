//! A mix of many clients, from the tables of `ServeGen` (Xiang et al., arXiv 2505.09999).
//!
//! Per client and window the tables give a rate, a law of gaps (Gamma or Weibull by shape and scale)
//! and lengths. The law was fitted to the gaps inside bursts, so its own mean does not always agree
//! with the rate, which counts all requests of the window. Here the rate decides how many requests
//! there are and the law's shape how bursty they are; the scale follows from both. Every window starts
//! in the steady state of its law, so that the expected number of its requests is rate x length.
//!
//! Unlike a list of requests, the tables are held in memory: they are as large as the number of
//! clients and windows (40,095 rows for two weeks of 43 clients), not of requests.

mod columns;
mod table;

use std::sync::Arc;

use connector::{Content, Duration, TenantId, Timestamp};
use sim::random::Streams;

pub(crate) use table::ClientTable;

use super::{
    Arrival, Labels,
    gaps::{Instants, instant},
    lengths::LengthSampler,
    synthetic::{LengthStreams, Lengths},
};

/// A mix of clients as a source of traffic.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    pub(crate) table: Arc<ClientTable>,
    /// Class and model of all; the tenant only where clients are not tenants of their own.
    pub(crate) labels: Labels,
    /// The tenants of the clients, in their order in the table.
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// Lengths of clients without a table.
    pub(crate) lengths: Option<Lengths>,
    /// Factor on all rates.
    pub(crate) scale: f64,
    /// Where in the tables the run starts, seconds.
    pub(crate) start: f64,
    /// Length of a window of rates, seconds.
    pub(crate) window: f64,
}

impl Mix {
    /// One stream per client.
    pub(super) fn streams(
        &self,
        name: &str,
        seed: u64,
        end: Option<Duration>,
    ) -> Vec<ClientStream> {
        (0..self.table.clients.len()).map(|index| self.stream(index, name, seed, end)).collect()
    }

    fn stream(&self, index: usize, name: &str, seed: u64, end: Option<Duration>) -> ClientStream {
        let name = format!("{name}/{}", self.table.clients[index].id);
        let streams = Streams::new(seed);
        let tenant = self.tenants.as_ref().map_or(self.labels.tenant, |tenants| tenants[index]);
        ClientStream {
            mix: self.clone(),
            index,
            labels: Labels { tenant, ..self.labels },
            streams,
            lengths: LengthStreams::new(streams, &name),
            name,
            end: end.map_or(f64::INFINITY, Duration::as_secs_f64),
            next_window: 0,
            window: None,
        }
    }
}

/// The requests of one client.
#[derive(Debug)]
pub(super) struct ClientStream {
    mix: Mix,
    index: usize,
    labels: Labels,
    streams: Streams,
    lengths: LengthStreams,
    name: String,
    /// Seconds of the run.
    end: f64,
    next_window: usize,
    window: Option<Window>,
}

#[derive(Debug)]
struct Window {
    instants: Instants,
    lengths: Lengths,
    /// Seconds of the run.
    start: f64,
    end: f64,
}

impl ClientStream {
    pub(super) fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some(window) = &mut self.window {
                let at = window.start + window.instants.next();
                if at < window.end {
                    let (prompt_tokens, output_tokens) = self.lengths.sample(&window.lengths);
                    let at: Timestamp = instant(at);
                    let (labels, content) = (self.labels, Content::Unknown);
                    let fan_out = None;
                    return Some(Arrival {
                        at,
                        prompt_tokens,
                        output_tokens,
                        labels,
                        content,
                        fan_out,
                    });
                }
            }
            self.window = Some(self.open_window()?);
        }
    }

    /// The next window that overlaps the run. Each has a stream of its own, so that a run that starts
    /// elsewhere or ends earlier sees the same requests in the windows they share.
    fn open_window(&mut self) -> Option<Window> {
        let client = &self.mix.table.clients[self.index];
        loop {
            let row = client.windows.get(self.next_window)?;
            self.next_window += 1;
            let start = row.start - self.mix.start;
            let end = (start + self.mix.window).min(self.end);
            if start >= self.end {
                return None;
            }
            if end <= 0.0 {
                continue;
            }
            let stream = self.streams.stream(&format!("arrivals/{}/{}", self.name, row.start));
            return Some(Window {
                instants: Instants::new(row.shape.of_rate(row.rate * self.mix.scale), stream),
                lengths: client
                    .lengths_at(row.start)
                    .or_else(|| self.mix.lengths.clone())
                    .unwrap_or_else(fallback),
                start: start.max(0.0),
                end,
            });
        }
    }
}

/// A scenario whose clients have no lengths is refused, so nobody sees this.
fn fallback() -> Lengths {
    Lengths { prompt: LengthSampler::Fixed(1), output: LengthSampler::Fixed(1) }
}
