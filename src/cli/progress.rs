//! The progress of a run, on stderr: simulated time, speed-up, requests per second, time left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use connector::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};

use crate::drive::Watch;

/// Between two updates of the line.
const REFRESH: Duration = Duration::from_millis(100);

/// A line on stderr that follows a run until dropped. Invisible where stderr is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Follows these runs, which take place one after the other or side by side. `ends`: when
    /// traffic ends, if that is known.
    pub(super) fn follow(runs: Vec<Arc<Watch>>, ends: Option<connector::Duration>) -> Self {
        let bar = match ends {
            Some(ends) => ProgressBar::new(ends.as_nanos().saturating_mul(runs.len() as u64)),
            None => ProgressBar::new_spinner(),
        };
        let template = if ends.is_some() {
            "{spinner} {wide_bar} {percent:>3}%  {msg}  ETA {eta}"
        } else {
            "{spinner} {msg}  {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let done = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (bar, done) = (bar.clone(), Arc::clone(&done));
            move || show(&bar, &runs, &done)
        });
        Self { bar, done, thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the line is no reason to lose the run's result.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn show(bar: &ProgressBar, runs: &[Arc<Watch>], done: &AtomicBool) {
    let started = Instant::now();
    while !done.load(Ordering::Relaxed) {
        let mut simulated = connector::Duration::ZERO;
        let mut requests = 0;
        for run in runs {
            let (now, so_far) = run.progress();
            simulated += now.since(Timestamp::ZERO);
            requests += so_far;
        }
        let wall = started.elapsed().as_secs_f64().max(1e-9);
        bar.set_position(simulated.as_nanos());
        bar.set_message(format!(
            "{:.0} s simulated, {:.0}x, {:.0} requests/s",
            simulated.as_secs_f64(),
            simulated.as_secs_f64() / wall,
            requests as f64 / wall,
        ));
        std::thread::park_timeout(REFRESH);
    }
}
