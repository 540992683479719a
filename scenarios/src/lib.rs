//! The scenario language: one YAML file holds a whole experiment.
//!
//! * [`load`], [`parse`]: text to a [`Scenario`] that is valid by construction, or every mistake in
//!   it at once as [`Diagnostics`]. [`Override`]: `--set path=value`,
//!   [`load_overlay`]: a file of them.
//! * [`Scenario::arrivals`]: its traffic as one stream of requests in order of time;
//!   [`Scenario::users`]: those who wait for an answer before they ask again.
//! * [`Objective`](connector::Objective): what the run must achieve. [`json_schema`]: the language, for editors.
//! * [`trace`]: request traces of other people's systems, read as streams. [`spot`]: traces of capacity
//!   that comes and goes.
//!
//! The language itself is described in `docs/scenarios.md`.

mod diagnostics;
mod document;
mod language;
mod lower;
mod near;
mod objective;
mod overrides;
mod rate;
mod scenario;
pub mod spot;
pub mod trace;
mod traffic;

pub use diagnostics::{Diagnostics, Problem, Rendering, SourcePosition};
pub use document::Effective;
pub use overrides::Override;
pub use scenario::{
    Dialect, Endpoint, Scenario, json_schema, load, load_overlay, parse, parse_overlay,
};
pub use traffic::{Arrivals, TrafficError, TrafficSource, Users};
