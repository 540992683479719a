//! The scenario language, its traffic and its traces, from outside.

mod bad_scenarios;
mod bad_traces;
mod covenants;
mod effective;
mod language;
mod overlays;
mod price_book;
mod replaying;
mod routing;
mod shipped;
mod spot;
mod world;
