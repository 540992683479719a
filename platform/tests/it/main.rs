//! The platform against a scripted provider: what each operation answers, and when, is data.

mod breaker;
mod breaker_model;
mod breaker_property;
mod breaker_vectors;
mod budget;
mod cancel;
mod config;
mod cooldown;
mod covenants;
mod deadline;
mod drain;
mod fallback;
mod hedging;
mod leases;
mod mid_stream;
mod policies;
mod property;
mod queue;
mod reconcile;
mod request;
mod retry;
mod routing;
mod setting;
mod warm;
mod world;
