//! The platform against a scripted provider: what each operation answers, and when, is data.

mod breaker;
mod cancel;
mod config;
mod covenants;
mod drain;
mod fallback;
mod leases;
mod lines;
mod property;
mod queue;
mod quotas;
mod reconcile;
mod request;
mod retry;
mod routing;
mod setting;
mod world;
