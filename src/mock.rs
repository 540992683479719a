//! The mock server: a simulated provider behind the wire types of the live connector.
//!
//! # Mechanism
//!
//! One keeper owns the connector and paces it: its virtual time is wall-clock time since the start,
//! times a speed. Handlers put their questions to it under a lock and hear first token, notice and
//! answer on a line of their own; one thread lets happen what comes due by itself (`desk`) and writes the
//! tokens of streams onto their connections, past the HTTP server (`shortcut`). An
//! inference whose client hangs up is cancelled. An allocation whose client hangs up is not: the
//! provider grants it and nobody knows, which is what a platform has to cope with.
//!
//! # Edges
//!
//! * Things happen some 0.1 ms after they are due; events keep their own order at any speed.
//! * Tokens of a stream are sent when the model has made them, each in a frame of its own; several
//!   come in one piece to whoever reads slower. A stream that breaks off has sent all that was made.
//! * Shares that were asked for a time are ended by the keeper: the simulator knows no leases.
//! * At the end everything held is given back, in virtual time, without waiting.

mod control;
mod covenant_v1;
mod desk;
mod faults;
mod filler;
mod gpuaas;
mod harpoon_v1;
mod keeper;
mod leases;
mod metrics;
mod openai;
mod pace;
mod pen;
mod routes;
mod shares;
mod shortcut;
mod speech;
mod tally;
#[cfg(test)]
mod tests;
mod token;
mod voice;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use adapters::harpoon_v1::WireNames;
use anyhow::Context;
use connector::{Connector, Names, Requirements};
use secrecy::SecretString;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    task::spawn_blocking,
};

pub use gpuaas::{GpuaasQuirk, GpuaasQuirks};
pub use keeper::MockReport;

use desk::Desk;
use keeper::Keeper;
use leases::Leases;
use pace::Pace;
use shortcut::{Connections, Shortcut};

/// How the mock behaves around the simulator.
#[derive(Clone, Debug)]
pub struct MockOptions {
    /// The names of pools, models and tenants, in the order of the simulator's numbers.
    pub names: Names,
    /// What a share for each model asks for, in the order of models. The dialect `openai`, whose callers
    /// know no shares, serves the models that are listed here; a subscription of the dialect `gpuaas` for
    /// another asks for 1 TFLOPS and 1 GiB. Default: none.
    pub requirements: Vec<Requirements>,
    /// Requests of the dialect `openai` that a share has under way before another is asked for, at
    /// least 1.
    pub requests_per_share: usize,
    /// What of HostedAI's misbehaviour on the wire is on, in the dialect `gpuaas`.
    pub gpuaas_quirks: GpuaasQuirks,
    /// How late is what such a quirk makes late.
    pub gpuaas_delay: Duration,
    /// The key that callers of services exposed in the dialect `gpuaas` must present. `None` lets
    /// everybody in.
    pub service_key: Option<SecretString>,
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
    /// Real time, no key, tokens of 5 minutes, nothing served as `openai`, 256 requests a share as vLLM
    /// has sequences in a batch, 10,000 questions in flight, bodies of 16 MiB within 30 s, answers of 131,072
    /// tokens, 5 s to shut down.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            requirements: Vec::new(),
            requests_per_share: 256,
            gpuaas_quirks: GpuaasQuirks::default(),
            gpuaas_delay: gpuaas::DELAY,
            service_key: None,
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

/// Clients that may be connecting at once: what Linux allows (`net.core.somaxconn`). Whoever comes when so many
/// wait tries again after a second.
const BACKLOG: u32 = 4096;

/// A listener for [`serve`], made for thousands of clients that come at once.
///
/// # Errors
/// An address that cannot be listened on.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As `TcpListener::bind`: a mock that has just ended leaves connections behind. Elsewhere the option means another thing.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
    let pools = options.names.pools.len();
    let leases = Leases::new(&options.requirements, pools, options.requests_per_share.max(1));
    let models = options.names.models.len();
    let keeper = Keeper::new(Box::new(provider), pace, options.in_flight, leases, models);
    let desk = Desk::open(keeper);
    // Also when nobody waits for this any more: the runtime would wait for the keeper for ever.
    let closing = ClosesDesk(desk.clone());
    let mut keeper = spawn_blocking({
        let desk = desk.clone();
        move || desk.keep()
    });
    let names = WireNames::new(options.names.clone());
    let ip = listener.local_addr().context("asking for the address")?.ip();
    let router = routes::router(Arc::new(routes::Shop::new(desk, names, options, ip)));
    let router = router.into_make_service_with_connect_info::<Shortcut>();
    let (stop, stopped) = oneshot::channel::<()>();
    let ending = async {
        let _ = stopped.await;
    };
    let server =
        axum::serve(Connections(listener), router).with_graceful_shutdown(ending).into_future();
    let mut server = tokio::spawn(server);
    let report = tokio::select! {
        () = shutdown => {
            drop(closing);
            keeper.await
        }
        // Only somebody who dies in there ends it unasked.
        ended = &mut keeper => ended,
        ended = &mut server => {
            drop(closing);
            ended.context("the server's task died")?.context("serving HTTP")?;
            keeper.await
        }
    };
    drop(stop);
    // Connections that outlast the time allowed belong to clients that do not read.
    let _ = tokio::time::timeout(within, server).await;
    report.context("the simulator's thread died")?
}

/// Closes the desk at its end.
struct ClosesDesk(Desk);

impl Drop for ClosesDesk {
    fn drop(&mut self) {
        self.0.close();
    }
}
