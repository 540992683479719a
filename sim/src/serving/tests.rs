use connector::Duration;

use super::*;
use crate::config::{GpuSpec, LinearTiming, ModelConfig, Timing};

fn at(ms: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(ms)
}

/// An engine whose iterations take `base + per_sequence n` milliseconds.
fn engine(base: u64, per_sequence: u64, max_batch: u32) -> Engine {
    let timing = Timing::Linear(LinearTiming {
        base: Duration::from_millis(base),
        per_sequence: Duration::from_millis(per_sequence),
        ..LinearTiming::default()
    });
    let gpu: GpuSpec = crate::catalogue::gpu("L4").expect("in the catalogue");
    let cost = IterationCost::new(&ModelConfig { name: "m".to_owned(), timing }, &gpu);
    let mut engine = Engine::new(cost, max_batch, Tokens::new(100));
    engine.set_loaded(Timestamp::ZERO, true);
    engine
}

fn job(id: u64, prompt: u32, output: u32) -> Job {
    Job { id, prompt: Tokens::new(prompt), output: Tokens::new(output) }
}

/// Runs until nothing is left and lists what happened when, in milliseconds.
fn run(engine: &mut Engine) -> Vec<(f64, Progress)> {
    let mut log = Vec::new();
    let mut done = Vec::new();
    while let Some(next) = engine.next_event() {
        engine.advance(next, &mut done);
        log.extend(done.drain(..).map(|what| (next.as_nanos() as f64 / 1e6, what)));
    }
    log
}

use Progress::{Finished, FirstToken};

#[test]
fn a_lone_sequence_takes_its_iterations() {
    let mut engine = engine(10, 0, 8);
    engine.submit(Timestamp::ZERO, job(1, 100, 5));
    assert_eq!(run(&mut engine), [(10.0, FirstToken(1)), (50.0, Finished(1))]);
}

#[test]
fn a_long_prompt_is_processed_in_chunks() {
    let mut engine = engine(10, 0, 8);
    engine.submit(Timestamp::ZERO, job(1, 250, 1));
    assert_eq!(run(&mut engine), [(25.0, FirstToken(1)), (25.0, Finished(1))]);
}

/// Two jobs of 10 iterations, the second 40 ms late: alone an iteration takes 10 ms, together 20.
/// The first has 6 left when the second comes: both at 20 ms until 160, then the second's last 4.
#[test]
fn processor_sharing_slows_everybody_alike() {
    let mut engine = engine(0, 10, 8);
    engine.submit(Timestamp::ZERO, job(1, 1, 10));
    let mut done = Vec::new();
    engine.advance(at(40), &mut done);
    engine.submit(at(40), job(2, 1, 10));
    let finished: Vec<_> =
        run(&mut engine).into_iter().filter(|(_, what)| matches!(what, Finished(_))).collect();
    assert_eq!(finished, [(160.0, Finished(1)), (200.0, Finished(2))]);
}

#[test]
fn beyond_the_batch_limit_jobs_wait_in_order() {
    let mut engine = engine(10, 0, 1);
    for id in 1..=3 {
        engine.submit(Timestamp::ZERO, job(id, 1, 1));
    }
    assert_eq!((engine.running(), engine.waiting()), (1, 2));
    let finished: Vec<_> =
        run(&mut engine).into_iter().filter(|(_, what)| matches!(what, Finished(_))).collect();
    assert_eq!(finished, [(10.0, Finished(1)), (20.0, Finished(2)), (30.0, Finished(3))]);
}

#[test]
fn a_suspended_engine_keeps_what_it_has_done() {
    let mut engine = engine(10, 0, 8);
    engine.submit(Timestamp::ZERO, job(1, 1, 10));
    engine.advance(at(50), &mut Vec::new());
    engine.set_speed(at(50), 0.0);
    assert_eq!(engine.next_event(), None);
    engine.set_speed(at(80), 0.5);
    assert_eq!(run(&mut engine), [(180.0, Finished(1))]);
}

#[test]
fn a_cancelled_job_makes_room_and_is_never_reported() {
    let mut engine = engine(10, 0, 1);
    engine.submit(Timestamp::ZERO, job(1, 1, 10));
    engine.submit(Timestamp::ZERO, job(2, 1, 1));
    assert!(engine.cancel(at(35), 1));
    assert!(!engine.cancel(at(35), 1));
    assert_eq!(run(&mut engine), [(45.0, FirstToken(2)), (45.0, Finished(2))]);
}

#[test]
fn nothing_joins_before_the_weights_are_loaded() {
    let mut engine = engine(10, 0, 8);
    engine.set_loaded(Timestamp::ZERO, false);
    engine.submit(Timestamp::ZERO, job(1, 1, 1));
    assert_eq!(engine.next_event(), None);
    engine.set_loaded(at(500), true);
    assert_eq!(run(&mut engine), [(510.0, FirstToken(1)), (510.0, Finished(1))]);
}
