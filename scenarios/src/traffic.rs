//! Where requests come from.

use platform::Request;

use crate::{Scenario, trace::TraceError};

/// One source of requests.
#[derive(Clone, Debug)]
pub struct TrafficSource {
    name: String,
}

impl TrafficSource {
    /// Its name, unique in the scenario; random streams are named after it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why traffic could not be produced.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// A trace could not be read.
    #[error("traffic `{source_name}`: {error}")]
    Trace {
        /// The traffic source.
        source_name: String,
        /// What happened.
        #[source]
        error: TraceError,
    },
}

/// All requests of a run, in order of time, numbered from 0, made as they are asked for.
#[derive(Debug)]
pub struct Arrivals {
    warnings: Vec<String>,
}

impl Arrivals {
    /// What was noticed so far but did not stop the run; complete once the iterator has ended.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Iterator for Arrivals {
    type Item = Result<Request, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}

impl Scenario {
    /// The requests of one run with this seed.
    ///
    /// # Errors
    /// When a trace cannot be opened.
    pub fn arrivals(&self, _seed: u64) -> Result<Arrivals, TrafficError> {
        Ok(Arrivals { warnings: Vec::new() })
    }
}
