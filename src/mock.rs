//! The mock server: a simulated provider behind the wire types of the live connector.
//!
//! # Mechanism
//!
//! One task, the keeper, owns the connector and paces it: its virtual time is wall-clock
//! time since the start, times a speed. Handlers put questions to it over a bounded channel and hear
//! first token, notice and answer over a channel of their own. An inference whose client hangs up is
//! cancelled. An allocation whose client hangs up is not: the provider grants it and nobody knows,
//! which is what a platform has to cope with.
//!
//! # Edges
//!
//! * Waiting is tokio's, whose timer has a resolution of about a millisecond; events keep their own
//!   order at any speed.
//! * A stream's first token and its end are sent when they are there, the tokens between as often as
//!   the simulator tells of them: every 10 ms. A stream that breaks off has sent all that was made.
//! * Shares that were asked for a time are ended by the keeper: the simulator knows no leases.
//! * At the end everything held is given back, in virtual time, without waiting.

mod covenant_v1;
mod desk;
mod filler;
mod harpoon_v1;
mod keeper;
mod pace;
mod routes;
mod tally;
#[cfg(test)]
mod tests;
mod token;

use std::{future::Future, sync::Arc, time::Duration};

use adapters::harpoon_v1::WireNames;
use anyhow::Context;
use axum::serve::ListenerExt;
use connector::{Connector, Names};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::watch};

pub use keeper::MockReport;

use desk::Desk;
use keeper::Keeper;
use pace::Pace;

/// Questions that may wait for the keeper; beyond it a caller is sent away with 503.
const QUESTIONS_WAITING: usize = 1024;

/// How the mock behaves around the simulator.
#[derive(Clone, Debug)]
pub struct MockOptions {
    /// The names of pools, models and tenants, in the order of the simulator's numbers.
    pub names: Names,
    /// The key that callers must present, as `Authorization: Bearer` or `X-API-Key`, or a token that
    /// they got for it from `POST /token`. `None` lets everybody in.
    pub api_key: Option<SecretString>,
    /// How long a token is good that is got for the key.
    pub token_life: Duration,
    /// Simulated seconds per second, above 0.
    pub speed: f64,
    /// Questions in flight at once; beyond it a caller is sent away with 503.
    pub in_flight: usize,
    /// Longest request body in bytes.
    pub body_bytes: usize,
    /// How long a request body may take to come.
    pub body_within: Duration,
    /// Longest answer in tokens; a longer one is refused with 400.
    pub max_tokens: u32,
    /// How long open connections may take to end at shutdown.
    pub shutdown_within: Duration,
}

impl MockOptions {
    /// Real time, no key, tokens of 5 minutes, 10,000 questions in flight, bodies of 16 MiB within 30 s, answers of 131,072
    /// tokens, 5 s to shut down.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            api_key: None,
            token_life: Duration::from_mins(5),
            speed: 1.0,
            in_flight: 10_000,
            body_bytes: 16 << 20,
            body_within: Duration::from_secs(30),
            max_tokens: 1 << 17,
            shutdown_within: Duration::from_secs(5),
        }
    }
}

/// Serves `provider` until `shutdown` resolves, then gives back everything that is held.
///
/// # Errors
/// A speed that is not a positive number, or a listener that fails.
pub async fn serve(
    listener: TcpListener,
    provider: impl Connector + Send + 'static,
    options: MockOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<MockReport> {
    let pace = Pace::start(options.speed)?;
    let within = options.shutdown_within;
    let (stop, stopped) = watch::channel(());
    let (desk, counter) = Desk::open(QUESTIONS_WAITING);
    let keeper = Keeper::new(provider, pace, options.in_flight, desk.tallies.clone());
    let keeper = tokio::spawn(keeper.keep(counter, stopped.clone()));
    let names = WireNames::new(options.names.clone());
    let router = routes::router(Arc::new(routes::Shop::new(desk, names, options, pace)));
    let listener = listener.tap_io(|connection| {
        // Without it every short answer waits some 40 ms for the client's acknowledgement.
        let _ = connection.set_nodelay(true);
    });
    let ending = async move {
        let mut stopped = stopped;
        let _ = stopped.changed().await;
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(ending).into_future();
    let mut server = tokio::spawn(server);
    tokio::select! {
        () = shutdown => {}
        ended = &mut server => {
            ended.context("the server's task died")?.context("serving HTTP")?;
        }
    }
    let _ = stop.send(());
    let report = keeper.await.context("the simulator's task died")?;
    // Connections that outlast the time allowed belong to clients that do not read.
    let _ = tokio::time::timeout(within, server).await;
    Ok(report)
}
