//! How a card serves one model: continuous batching, seen as a fluid.
//!
//! # Mechanism
//!
//! All sequences of the batch advance together, one token per iteration, and an iteration takes
//! longer the more there is in the batch ([`IterationCost`]). Progress is therefore counted in
//! *iterations*, a clock that all sequences share: a sequence that joins at progress `v` has its
//! first token at `v + prompt / chunk` and its last at that plus `output - 1`, whatever joins or
//! leaves meanwhile. Only the speed of the clock changes, and between two changes it is constant.
//! So the next thing to happen is the least milestone of a heap, and every request costs a few heap
//! operations, however many tokens it makes.
//!
//! This is the seam for "how a GPU serves": [`Engine::submit`], [`Engine::cancel`],
//! [`Engine::set_speed`], [`Engine::advance`], [`Engine::next_event`].
//!
//! # Edges and limits
//!
//! A sequence counts with its mean context over its life (prompt plus half the answer) instead of
//! one that grows by a token per iteration, and joins at once instead of at the next iteration's
//! boundary. At most `max_batch` sequences run; the rest wait in order. Memory for the KV cache is
//! not modelled. A milestone is reached when less than half a nanosecond is left to it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use connector::{Timestamp, Tokens};

use crate::timing::IterationCost;

/// One inference as the engine sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The caller's name for it.
    pub(crate) id: u64,
    pub(crate) prompt: Tokens,
    pub(crate) output: Tokens,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    FirstToken(u64),
    Finished(u64),
}

#[derive(Clone, Copy, Debug)]
struct Sequence {
    job: Job,
    /// Order of joining; tells a live milestone from one whose sequence has left.
    number: u64,
    /// Prompt tokens processed per iteration.
    chunk: u32,
    context: u64,
    decoding: bool,
}

/// Least progress first, then order of joining. Progress is not negative, so its bits order as it
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Milestone {
    progress_bits: u64,
    number: u64,
    place: usize,
}

/// One model's batch on one card.
#[derive(Debug)]
pub(crate) struct Engine {
    cost: IterationCost,
    max_batch: u32,
    prefill_chunk: u32,
    /// Share of the card that the engine has.
    speed: f64,
    /// Iterations done since the batch was last empty, as of `since`.
    progress: f64,
    since: Timestamp,
    iteration_ns: f64,
    /// Places of the batch; `None` are free and listed in `free`.
    batch: Vec<Option<Sequence>>,
    free: Vec<usize>,
    milestones: BinaryHeap<Reverse<Milestone>>,
    waiting: VecDeque<Job>,
    joined: u64,
    /// Prompt tokens processed per iteration by all sequences.
    prompt_tokens: u64,
    /// Context held by all sequences.
    context: u64,
    /// Whether the weights are on the card; nothing joins before.
    loaded: bool,
}

impl Engine {
    pub(crate) fn new(cost: IterationCost, max_batch: u32, prefill_chunk: Tokens) -> Self {
        Self {
            cost,
            max_batch,
            prefill_chunk: prefill_chunk.get(),
            speed: 1.0,
            progress: 0.0,
            since: Timestamp::ZERO,
            iteration_ns: 0.0,
            batch: Vec::new(),
            free: Vec::new(),
            milestones: BinaryHeap::new(),
            waiting: VecDeque::new(),
            joined: 0,
            prompt_tokens: 0,
            context: 0,
            loaded: false,
        }
    }

    /// Sequences in the batch.
    pub(crate) fn running(&self) -> u32 {
        (self.batch.len() - self.free.len()) as u32
    }

    /// Jobs that wait for a place in the batch.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.len() as u32
    }

    /// Whether the card has anything to compute.
    pub(crate) fn is_busy(&self) -> bool {
        self.running() > 0
    }

    /// Says whether the weights are on the card.
    pub(crate) fn set_loaded(&mut self, now: Timestamp, loaded: bool) {
        self.settle(now);
        self.loaded = loaded;
        self.fill_batch();
    }

    /// Gives the engine this share of the card from `now` on; 0 suspends it.
    pub(crate) fn set_speed(&mut self, now: Timestamp, speed: f64) {
        self.settle(now);
        self.speed = speed;
    }

    /// Takes a job on. Call [`Engine::advance`] with the same `now` first.
    pub(crate) fn submit(&mut self, now: Timestamp, job: Job) {
        self.settle(now);
        self.waiting.push_back(job);
        self.fill_batch();
    }

    /// Drops a job; `false` if it is not here.
    pub(crate) fn cancel(&mut self, now: Timestamp, id: u64) -> bool {
        self.settle(now);
        if let Some(index) = self.waiting.iter().position(|job| job.id == id) {
            self.waiting.remove(index);
            return true;
        }
        let place = self.batch.iter().position(|s| s.is_some_and(|s| s.job.id == id));
        if let Some(place) = place {
            self.leave(place);
            self.fill_batch();
        }
        place.is_some()
    }

    /// Appends everything that has happened by `now` to `done`, in order.
    pub(crate) fn advance(&mut self, now: Timestamp, done: &mut Vec<Progress>) {
        self.settle(now);
        let mut changed = false;
        while let Some(Reverse(next)) = self.milestones.peek().copied() {
            if self.remaining_ns(next) >= 0.5 {
                break;
            }
            self.milestones.pop();
            changed |= self.reach(next, done);
        }
        if changed {
            self.fill_batch();
        }
    }

    /// When [`Engine::advance`] has something to report, or earlier.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        let Reverse(next) = self.milestones.peek()?;
        let remaining = self.remaining_ns(*next);
        remaining.is_finite().then(|| {
            let whole = remaining as u64;
            let ns = whole + u64::from((whole as f64) < remaining);
            Timestamp::from_nanos(self.since.as_nanos().saturating_add(ns))
        })
    }

    /// Wall time to a milestone at the present speed; infinite while suspended.
    fn remaining_ns(&self, milestone: Milestone) -> f64 {
        let iterations = f64::from_bits(milestone.progress_bits) - self.progress;
        if iterations <= 0.0 { 0.0 } else { iterations * self.iteration_ns / self.speed }
    }

    /// Moves the clock of iterations to `now`.
    fn settle(&mut self, now: Timestamp) {
        let elapsed = now.since(self.since).as_nanos() as f64;
        if elapsed > 0.0 && self.is_busy() {
            self.progress += elapsed * self.speed / self.iteration_ns;
        }
        self.since = now;
    }

    /// A live milestone changes the batch: its first token is out, or it is finished.
    fn reach(&mut self, milestone: Milestone, done: &mut Vec<Progress>) -> bool {
        let place = milestone.place;
        let Some(sequence) = self.batch[place].as_mut().filter(|s| s.number == milestone.number)
        else {
            return false;
        };
        let job = sequence.job;
        if !sequence.decoding {
            sequence.decoding = true;
            self.prompt_tokens -= u64::from(sequence.chunk);
            sequence.chunk = 0;
            done.push(Progress::FirstToken(job.id));
            if job.output.get() > 1 {
                let first = f64::from_bits(milestone.progress_bits);
                let last = first + f64::from(job.output.get() - 1);
                let progress_bits = last.to_bits();
                self.milestones.push(Reverse(Milestone { progress_bits, ..milestone }));
                return true;
            }
        }
        done.push(Progress::Finished(job.id));
        self.leave(place);
        true
    }

    fn leave(&mut self, place: usize) {
        let sequence = self.batch[place].take().expect("the place is taken");
        self.free.push(place);
        self.prompt_tokens -= u64::from(sequence.chunk);
        self.context -= sequence.context;
    }

    /// Lets waiting jobs join, and brings the iteration time up to date with the batch.
    fn fill_batch(&mut self) {
        while self.loaded && self.running() < self.max_batch {
            let Some(job) = self.waiting.pop_front() else { break };
            self.join(job);
        }
        self.refresh();
    }

    fn join(&mut self, job: Job) {
        let chunk = job.prompt.get().min(self.prefill_chunk);
        let prefill = if chunk == 0 { 1.0 } else { f64::from(job.prompt.get()) / f64::from(chunk) };
        let context = u64::from(job.prompt.get()) + u64::from(job.output.get() / 2);
        let number = self.joined;
        self.joined += 1;
        let sequence = Sequence { job, number, chunk, context, decoding: false };
        let place = self.free.pop().unwrap_or(self.batch.len());
        if place == self.batch.len() {
            self.batch.push(None);
        }
        self.batch[place] = Some(sequence);
        self.prompt_tokens += u64::from(chunk);
        self.context += context;
        let progress_bits = (self.progress + prefill).to_bits();
        self.milestones.push(Reverse(Milestone { progress_bits, number, place }));
    }

    fn refresh(&mut self) {
        if self.is_busy() {
            self.iteration_ns = self.cost.iteration_ns(
                self.running(),
                self.prompt_tokens as f64,
                self.context as f64,
            );
        } else {
            self.progress = 0.0;
            self.milestones.clear();
        }
    }
}

#[cfg(test)]
mod tests;
