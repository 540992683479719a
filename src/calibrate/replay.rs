//! A measured run of a real serving engine, served again.
//!
//! A folder holds what LLMServingSim (github.com/casys-kaist/LLMServingSim) records of a vLLM server:
//! `requests.jsonl`, `meta.json` with the engine's settings, and a profile of its kernels. The requests
//! are served by [`sim::serving::Engine`] with those settings and kernels, at the times at which the
//! server queued them, and what the server took is put beside what the engine takes. Nothing is
//! fitted.
//!
//! Prompts are taken to be unlike each other: the folder does not say what they consist of.

mod compare;
mod curves;
mod error;
mod measured;
mod profile;

use std::{path::Path, sync::Arc};

use connector::Timestamp;
use sim::{
    serving::{Engine, Job, Progress, ProgressKind},
    step_time::{BatchTime, Table},
};

use self::measured::Run;
pub use self::{
    compare::{Comparison, Figure},
    curves::Moment,
    error::ReplayError,
};

/// Serves a measured run again. `layers` is the number of layers of the model, where its name does
/// not tell.
///
/// # Errors
/// If the folder does not hold a run of that form.
pub fn replay(folder: &Path, layers: Option<u32>) -> Result<Comparison, ReplayError> {
    let run = Run::read(folder)?;
    let Some(layers) = layers.or_else(|| layers_of(&run.model)) else {
        return Err(ReplayError::Layers { model: run.model });
    };
    let table = profile::read(folder, layers)?;
    let measured = curves::read(folder)?;
    let (served, simulated) = serve(&run, table, &measured);
    Ok(Comparison::new(&run, &served, measured, simulated))
}

impl Comparison {
    /// Draws the simulated curves of the run over the measured ones, as SVG.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), ReplayError> {
        let title = format!("{}, {} requests", self.model, self.requests);
        curves::draw(path, &title, &self.measured, &self.simulated)
    }
}

/// Layers of models that such runs are known of.
fn layers_of(model: &str) -> Option<u32> {
    let known = [("Llama-3.1-8B", 32), ("Llama-3.1-70B", 80), ("Qwen3-32B", 64)];
    known.into_iter().find(|(name, _)| model.contains(name)).map(|(_, layers)| layers)
}

/// What the engine made of one request, in seconds since the start of the run.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    scheduled: Option<f64>,
    first_token: f64,
    finished: f64,
    preemptions: u32,
}

/// Serves all requests, and looks at the engine at the measured moments.
fn serve(run: &Run, table: Table, moments: &[Moment]) -> (Vec<Served>, Vec<Moment>) {
    let mut engine = Engine::new(run.limits, BatchTime::Table(Arc::new(table)));
    engine.resume(Timestamp::ZERO);
    let mut served = vec![Served::default(); run.requests.len()];
    let mut simulated = Vec::new();
    let mut moments = moments.iter().map(|moment| moment.t).peekable();
    for (id, request) in run.requests.iter().enumerate() {
        while let Some(t) = moments.next_if(|t| *t <= request.queued) {
            simulated.push(look(&mut engine, t));
        }
        let at = instant(request.queued);
        let job = Job {
            id: id as u64,
            prompt: request.prompt,
            output: request.output,
            rank: 0,
            content: None,
            watched: false,
        };
        engine.submit(at, job);
        note(&mut engine, &mut served);
    }
    for t in moments {
        simulated.push(look(&mut engine, t));
        note(&mut engine, &mut served);
    }
    while let Some(next) = engine.next_event() {
        engine.advance(next);
        note(&mut engine, &mut served);
    }
    (served, simulated)
}

fn instant(seconds: f64) -> Timestamp {
    Timestamp::from_nanos((seconds * 1e9) as u64)
}

fn look(engine: &mut Engine, t: f64) -> Moment {
    let now = instant(t);
    engine.advance(now);
    let kv_cache_pct = match engine.kv_cache(now) {
        Some((blocks, used)) => used as f64 / blocks as f64 * 100.0,
        None => 0.0,
    };
    let (running, waiting) = (f64::from(engine.running()), f64::from(engine.waiting()));
    Moment { t, running, waiting, kv_cache_pct }
}

fn note(engine: &mut Engine, served: &mut [Served]) {
    for Progress { at, id, kind } in engine.drain_news() {
        let (request, at) = (&mut served[id as usize], at.as_secs_f64());
        match kind {
            ProgressKind::Scheduled { .. } => {
                request.scheduled.get_or_insert(at);
            }
            ProgressKind::FirstToken => request.first_token = at,
            ProgressKind::Finished => request.finished = at,
            ProgressKind::Preempted => request.preemptions += 1,
            ProgressKind::Tokens(_) => {}
        }
    }
}
