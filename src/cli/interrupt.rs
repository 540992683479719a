//! Ctrl-C: the first ends runs cleanly with a partial report, the second ends the process.

use std::sync::Arc;

use crate::drive::Watch;

/// Exit code of a process that was interrupted twice, as shells have it for SIGINT.
const INTERRUPTED: i32 = 130;

/// Has Ctrl-C end these runs. Where no signals can be had, Ctrl-C ends the process as usual.
pub(super) fn forward_to(runs: Vec<Arc<Watch>>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            for run in &runs {
                run.interrupt();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED);
            }
        });
    });
}
