//! Ctrl-C, or a supervisor's request to end: the first ends runs cleanly with a partial report, the
//! second ends the process.

use std::{
    io,
    sync::{Arc, mpsc},
};

use super::{INTERRUPTED, note};
use crate::drive::Watch;

/// Has Ctrl-C end these runs, from the moment this returns. Where no signals can be had, Ctrl-C ends
/// the process as usual.
pub(super) fn forward_to(runs: Vec<Arc<Watch>>) {
    let (listening, listens) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut requests) = Requests::listen() else { return };
            drop(listening);
            requests.next().await;
            note("ending; once more ends at once, and loses the report");
            for run in &runs {
                run.interrupt();
            }
            requests.next().await;
            std::process::exit(i32::from(INTERRUPTED));
        });
    });
    // Nothing is ever sent: the other end is dropped once signals are listened for, or cannot be.
    let _ = listens.recv();
}

/// Requests to end this process: Ctrl-C, and on Unix also SIGTERM, which is what supervisors and CI
/// runners send before they lose patience.
#[derive(Debug)]
pub(super) struct Requests {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Requests {
    /// Listens from the moment this returns; needs a runtime.
    ///
    /// # Errors
    /// Where the system gives no signals.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Requests {
    /// Listens once [`next`](Self::next) is waited for.
    ///
    /// # Errors
    /// None here.
    #[expect(clippy::unnecessary_wraps, reason = "called like its counterpart on Unix")]
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one; for ever where the system gives no signals.
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
