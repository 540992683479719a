//! Where requests come from.
//!
//! A scenario has any number of sources. Each draws from random streams named after it and unfolds
//! into one or more streams in order of time (a copy of a trace, a client of a mix), and
//! [`Arrivals`] merges them. Nothing is made before it is asked for. Those who wait for an answer before
//! they ask again are a stream apart, [`Users`], because it has to be told of answers.

mod arrivals;
pub(crate) mod curve;
pub(crate) mod gaps;
pub(crate) mod lengths;
pub(crate) mod replay;
pub(crate) mod servegen;
pub(crate) mod synthetic;
pub(crate) mod users;
mod waits;

use std::sync::Arc;

use connector::{ClassId, Content, FanOut, ModelId, TenantId, Timestamp, Tokens};
use platform::Terms;
use sim::config::Latency;

pub use arrivals::Arrivals;
pub use users::Users;

use crate::{
    Scenario,
    trace::{Row, TraceError},
};

/// One source of requests.
#[derive(Clone, Debug)]
pub struct TrafficSource {
    pub(crate) name: String,
    pub(crate) kind: SourceKind,
    /// How long its callers wait for a place.
    pub(crate) patience: Option<Latency>,
    /// What its requests are promised, where they state more or other than their tenants do.
    pub(crate) terms: Option<Arc<Terms>>,
}

/// What a source makes its requests from.
#[derive(Clone, Debug)]
pub(crate) enum SourceKind {
    Synthetic(synthetic::Synthetic),
    Replay(replay::Replay),
    Mix(servegen::Mix),
    Users(users::Crowd),
}

impl TrafficSource {
    /// Its name, unique in the scenario; random streams are named after it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it ends by itself, as a trace does.
    pub(crate) fn is_finite(&self) -> bool {
        match self.kind {
            SourceKind::Synthetic(_) | SourceKind::Users(_) => false,
            SourceKind::Replay(_) | SourceKind::Mix(_) => true,
        }
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
        error: Box<TraceError>,
    },
}

impl TrafficError {
    /// What to do about it, where that is not obvious.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Trace { error, .. } => error.help(),
        }
    }
}

/// Who sends a request, and what the sender insists on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) tenant: TenantId,
    pub(crate) class: Option<ClassId>,
    pub(crate) model: Option<ModelId>,
}

impl Labels {
    /// What a row says of itself goes before what its source says.
    fn or_of(self, row: &Row) -> Self {
        Self {
            tenant: row.tenant.map_or(self.tenant, TenantId),
            class: row.class.map(ClassId).or(self.class),
            model: row.model.map(ModelId).or(self.model),
        }
    }
}

/// A request before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrival {
    at: Timestamp,
    prompt_tokens: Tokens,
    output_tokens: Tokens,
    labels: Labels,
    content: Content,
    fan_out: Option<FanOut>,
}

impl Scenario {
    /// The requests of one run with this seed: the same for every variant of the scenario whose
    /// traffic is the same.
    ///
    /// # Errors
    /// When a trace cannot be opened.
    pub fn arrivals(&self, seed: u64) -> Result<Arrivals, TrafficError> {
        Arrivals::new(&self.traffic, seed, self.duration)
    }

    /// Those who wait for an answer before they ask again, in one run with this seed; perhaps nobody.
    pub fn users(&self, seed: u64) -> Users {
        Users::new(&self.traffic, seed, self.duration)
    }
}
