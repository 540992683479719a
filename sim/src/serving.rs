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
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
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

/// A job in the batch. Least milestone first, then order of joining.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    /// Progress at which its first token is out, or once that is, the last. Progress is not
    /// negative, so its bits order as it does.
    milestone_bits: u64,
    /// Order of joining.
    number: u64,
    job: Job,
    /// Prompt tokens processed per iteration, until the first token is out.
    chunk: u32,
    decoding: bool,
}

impl Sequence {
    fn milestone(&self) -> f64 {
        f64::from_bits(self.milestone_bits)
    }

    fn context(&self) -> u64 {
        u64::from(self.job.prompt.get()) + u64::from(self.job.output.get() / 2)
    }

    fn rank(&self) -> (u64, u64) {
        (self.milestone_bits, self.number)
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Sequence {}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
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
    batch: BinaryHeap<Reverse<Sequence>>,
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
            batch: BinaryHeap::new(),
            waiting: VecDeque::new(),
            joined: 0,
            prompt_tokens: 0,
            context: 0,
            loaded: false,
        }
    }

    /// Sequences in the batch.
    pub(crate) fn running(&self) -> u32 {
        self.batch.len() as u32
    }

    /// Jobs that wait for a place in the batch.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.len() as u32
    }

    /// Whether the card has anything to compute.
    pub(crate) fn is_busy(&self) -> bool {
        !self.batch.is_empty()
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
        let Some(&Reverse(sequence)) = self.batch.iter().find(|Reverse(s)| s.job.id == id) else {
            return false;
        };
        self.batch.retain(|Reverse(s)| s.number != sequence.number);
        self.leave(sequence);
        self.fill_batch();
        true
    }

    /// Appends everything that has happened by `now` to `done`, in order.
    pub(crate) fn advance(&mut self, now: Timestamp, done: &mut Vec<Progress>) {
        self.settle(now);
        let mut changed = false;
        while self.remaining_ns().is_some_and(|ns| ns < 0.5) {
            self.reach_milestone(done);
            changed = true;
        }
        if changed {
            self.fill_batch();
        }
    }

    /// When [`Engine::advance`] has something to report, or earlier.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        let remaining = self.remaining_ns()?;
        remaining.is_finite().then(|| {
            let whole = remaining as u64;
            let ns = whole + u64::from((whole as f64) < remaining);
            Timestamp::from_nanos(self.since.as_nanos().saturating_add(ns))
        })
    }

    /// Wall time to the next milestone at the present speed, not negative; infinite while
    /// suspended.
    fn remaining_ns(&self) -> Option<f64> {
        let Reverse(next) = self.batch.peek()?;
        let iterations = next.milestone() - self.progress;
        Some(if iterations <= 0.0 { 0.0 } else { iterations * self.iteration_ns / self.speed })
    }

    /// Moves the clock of iterations to `now`.
    fn settle(&mut self, now: Timestamp) {
        let elapsed = now.since(self.since).as_nanos() as f64;
        if elapsed > 0.0 && self.is_busy() {
            self.progress += elapsed * self.speed / self.iteration_ns;
        }
        self.since = now;
    }

    /// The next milestone changes the batch: a first token is out, or a job is finished.
    fn reach_milestone(&mut self, done: &mut Vec<Progress>) {
        let Some(mut next) = self.batch.peek_mut() else { return };
        let sequence = &mut next.0;
        if !sequence.decoding {
            sequence.decoding = true;
            self.prompt_tokens -= u64::from(std::mem::take(&mut sequence.chunk));
            done.push(Progress::FirstToken(sequence.job.id));
            if sequence.job.output.get() > 1 {
                let last = sequence.milestone() + f64::from(sequence.job.output.get() - 1);
                sequence.milestone_bits = last.to_bits();
                return;
            }
        }
        let Reverse(finished) = PeekMut::pop(next);
        done.push(Progress::Finished(finished.job.id));
        self.leave(finished);
    }

    /// A sequence that was taken out of the batch no longer counts.
    fn leave(&mut self, sequence: Sequence) {
        self.prompt_tokens -= u64::from(sequence.chunk);
        self.context -= sequence.context();
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
        let sequence = Sequence {
            milestone_bits: (self.progress + prefill).to_bits(),
            number: self.joined,
            job,
            chunk,
            decoding: false,
        };
        self.joined += 1;
        self.prompt_tokens += u64::from(chunk);
        self.context += sequence.context();
        self.batch.push(Reverse(sequence));
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
        }
    }
}

#[cfg(test)]
mod tests;
