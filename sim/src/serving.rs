//! How a card serves one model: continuous batching, exact, at the cost of its changes only.
//!
//! # What is modelled
//!
//! The scheduler of vLLM's V1 engine. Work is done in *steps*; each puts at most
//! [`token_budget`](Limits::token_budget) tokens through the model: one for every sequence that
//! decodes, and pieces of prompts with what is left. KV cache is taken in blocks as contexts grow;
//! when there are too few, the least important sequence loses its blocks, goes back to the front of
//! the line and will have its prompt and answer so far recomputed. Jobs join in order while budget,
//! [`max_sequences`](Limits::max_sequences) and free blocks allow, never in a step that preempted.
//!
//! # Mechanism
//!
//! Between two changes of the batch nothing random happens: every sequence that decodes makes one
//! token per step and the time of a step is a [`Line`](crate::step_time::Line). So the engine does not step. It plans a
//! *stretch* that ends where something may change:
//!
//! * a sequence makes its last token (a heap of finish steps);
//! * a prompt's last piece is processed, and its first token comes at the end of that step;
//! * free blocks run out (from the phases of all sequences within their blocks, see `phases.rs`);
//! * somebody arrives who can be admitted, or is cancelled: the first boundary at or after it, found
//!   by solving the stretch for it;
//! * the rule for the time of a step has a corner ([`StepTime`](crate::step_time::StepTime)).
//!
//! What happened in a stretch is booked when it ends. A request costs a handful of stretches,
//! whatever the number of tokens it makes. Time within the engine is work done by the card, in
//! integer ticks; the speed of the card relates it to the wall (see `clock.rs`), so the card can be
//! slowed, suspended, resumed and taken away at any instant, and a step under way keeps what it has
//! done.
//!
//! `reference.rs`, among the tests, steps through the same rules in the plain way and agrees with
//! this engine to the nanosecond.
//!
//! # Edges
//!
//! * Who arrives at the very instant at which a step begins still joins it.
//! * A cancelled sequence that is in the batch leaves at the next boundary; nothing more is said of
//!   it.
//! * A job that could never fit in the cache must not be submitted ([`Limits::hold`]).
//!
//! Sources: vLLM, `vllm/v1/core/sched/scheduler.py` and `kv_cache_manager.py` (2026); Kwon et al.,
//! SOSP 2023 (blocks, recomputation); Agrawal et al., OSDI 2024 (chunked prefill with decodes).
//! Equations and limits: `docs/model/serving.md`.

mod admit;
mod carry;
mod clock;
mod gaps;
mod leave;
mod limits;
mod memory;
mod phases;
mod plan;
#[cfg(test)]
mod reference;
mod room;
mod runs;
mod schedule;
mod sequence;
mod settle;
#[cfg(test)]
mod tests;
mod waiting;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use connector::{Timestamp, Tokens};
use slotmap::{SlotMap, new_key_type};

pub(crate) use self::gaps::histogram;
pub use self::{
    carry::Carried,
    limits::{Limits, Policy, Speculation},
};
use self::{
    clock::{Clock, Work},
    gaps::Gaps,
    limits::Shape,
    memory::Memory,
    plan::{Chunk, Stretch},
    sequence::{Cached, Decoders, Sequence, State},
    waiting::Waiting,
};
use crate::step_time::BatchTime;

new_key_type! {
    /// A job that an engine has taken on.
    pub struct SequenceKey;
}

/// One inference as the engine sees it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The caller's name for it, told in every [`Progress`].
    pub id: u64,
    /// Prompt tokens; an empty prompt counts as one token.
    pub prompt: Tokens,
    /// Tokens to make; none counts as one.
    pub output: Tokens,
    /// Importance under [`Policy::Priority`]: 0 goes first.
    pub rank: u8,
    /// What the prompt consists of, for prefix caching: one id per
    /// [`content_tokens`](Limits::content_tokens), equal ids for equal beginnings. `None`: unlike
    /// any other.
    pub content: Option<Arc<[u64]>>,
    /// Whether to tell every token, and not only the first and the last.
    pub watched: bool,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When.
    pub at: Timestamp,
    /// To which job.
    pub id: u64,
    /// What.
    pub kind: ProgressKind,
}

/// The kinds of [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressKind {
    /// It joined the batch, for the first time or again.
    Scheduled {
        /// Prompt tokens that need not be computed because they were in the prefix cache, at the
        /// first time of a job that had got nowhere yet; else, and without such a cache, `None`.
        found: Option<Tokens>,
    },
    /// Its first token is out.
    FirstToken,
    /// This many tokens are out; told of watched jobs, and not of the first and the last.
    Tokens(u32),
    /// Its last token is out, and it is gone.
    Finished,
    /// It lost its blocks and waits again.
    Preempted,
}

/// Totals of an engine since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps done.
    pub steps: u64,
    /// Stretches that they were done in.
    pub stretches: u64,
    /// Sequences that lost their blocks.
    pub preemptions: u64,
    /// Hash ids of prompts that were looked up.
    pub content_asked: u64,
    /// Hash ids of prompts that were found in memory.
    pub content_found: u64,
    /// Prompt tokens that need not be computed because they were found, recomputation included.
    pub tokens_found: u64,
}

/// One model's batch on one card, or on several that work as one.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    shape: Shape,
    time: BatchTime,
    clock: Clock,
    /// Fraction of the card that the engine has when it is not suspended.
    fraction: f64,
    suspended: bool,
    /// Whether the weights are on the card.
    loaded: bool,
    sequences: SlotMap<SequenceKey, Sequence>,
    waiting: Waiting,
    arrivals: u64,
    /// Everybody who joined the batch, in order; who has left since stays for a while.
    order: Vec<(SequenceKey, u64)>,
    joined: u64,
    decoders: Decoders,
    /// Prompts in the present step. All but the last will be done by its end.
    chunks: Vec<Chunk>,
    memory: Memory,
    /// Blocks that those who decode took for the first step of the stretch.
    ahead: u64,
    /// Last steps of those that decode, the next first: (step, order of joining, who).
    finishes: BinaryHeap<Reverse<(u64, u64, SequenceKey)>>,
    /// Those in the batch whose callers have gone.
    abandoned: Vec<SequenceKey>,
    /// Those that decode and were withdrawn: the present step makes nothing for them.
    decoders_withdrawn: u32,
    /// Those in the batch whose every token is told.
    watched: Vec<SequenceKey>,
    /// Steps done.
    step: u64,
    stretch: Option<Stretch>,
    gaps: Gaps,
    tally: Tally,
    /// What happened and was not asked for yet.
    news: Vec<Progress>,
}

impl Engine {
    /// An engine without work whose weights are not on the card yet: [`Engine::resume`] starts it.
    ///
    /// # Panics
    /// If a limit is 0, or the block size is not a power of two.
    pub fn new(limits: Limits, time: BatchTime) -> Self {
        assert!(limits.max_sequences > 0 && limits.token_budget > 0 && limits.kv_blocks > 0);
        assert!(limits.block_tokens.is_power_of_two() && limits.block_tokens <= 1024);
        let shape = limits.shape();
        Self {
            shape,
            time,
            clock: Clock::stopped(),
            fraction: 1.0,
            suspended: false,
            loaded: false,
            sequences: SlotMap::with_key(),
            waiting: Waiting::new(limits.policy),
            arrivals: 0,
            order: Vec::new(),
            joined: 0,
            decoders: Decoders::new(&shape),
            chunks: Vec::new(),
            memory: Memory::new(limits.kv_blocks, limits.prefix_caching),
            ahead: 0,
            finishes: BinaryHeap::new(),
            abandoned: Vec::new(),
            decoders_withdrawn: 0,
            watched: Vec::new(),
            step: 0,
            stretch: None,
            gaps: Gaps::default(),
            tally: Tally::default(),
            news: Vec::new(),
            limits,
        }
    }

    /// Its settings.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sequences in the batch.
    pub fn running(&self) -> u32 {
        self.decoders.count + self.chunks.len() as u32
    }

    /// Jobs that wait for a place in the batch.
    pub fn waiting(&self) -> u32 {
        self.waiting.len() as u32
    }

    /// Whether it has anything to compute.
    pub fn is_busy(&self) -> bool {
        self.stretch.is_some()
    }

    /// Whether it would compute if it had the card: its weights are there, and so is work.
    pub fn wants_card(&self) -> bool {
        self.stretch.is_some() || (self.loaded && self.waiting.len() > 0)
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Blocks of the KV cache; `None` if it is endless or not on the card.
    pub fn kv_blocks(&self) -> Option<u64> {
        let blocks = self.limits.kv_blocks;
        (self.loaded && blocks < Limits::ENDLESS).then_some(blocks)
    }

    /// As [`Engine::kv_blocks`], and how many of them are in use in the step under way.
    pub fn kv_cache(&self, now: Timestamp) -> Option<(u64, u64)> {
        let in_use = |blocks| blocks - self.memory.free() + self.taken_by(now);
        self.kv_blocks().map(|blocks| (blocks, in_use(blocks)))
    }

    /// Totals, as of the last change of the batch.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Hands out the times between two tokens of an answer that have come to an end by `now`, in
    /// nanoseconds, rounded up by at most 1 % or a microsecond, with how many there were of each;
    /// and forgets them. The same time may be handed out more than once. With speculative decoding,
    /// the times between the steps that make tokens.
    pub fn drain_gaps(&mut self, now: Timestamp) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.advance(now);
        self.note_gaps_until(now);
        self.gaps.drain()
    }

    /// As [`Engine::drain_gaps`], but of what is booked already, and `None` while that is little.
    #[inline]
    pub(crate) fn drain_gaps_if_many(&mut self) -> Option<impl Iterator<Item = (u64, u64)> + '_> {
        self.gaps.drain_if_many()
    }

    /// Takes a job on.
    ///
    /// Like every call with a `now`, it first lets happen what is due by then; `now` never goes
    /// back.
    pub fn submit(&mut self, now: Timestamp, job: Job) -> SequenceKey {
        self.resume_job(now, job, Carried::default())
    }

    /// Takes a job on that has got so far elsewhere. Of what was computed, the engine uses up to all
    /// but the last token.
    pub fn resume_job(&mut self, now: Timestamp, job: Job, carried: Carried) -> SequenceKey {
        self.advance(now);
        let key = self.sequences.insert(Sequence {
            id: job.id,
            prompt: job.prompt.get().max(1),
            output: job.output.get().max(1),
            rank: job.rank,
            arrival: self.arrivals,
            joined: 0,
            made: carried.made,
            restored: carried.computed,
            state: State::Waiting,
            cached: Cached {
                ids: job.content.filter(|_| self.memory.is_caching()),
                ..Cached::default()
            },
            last_token: carried.last_token,
            watched: job.watched,
            abandoned: false,
            withdrawn: false,
        });
        self.arrivals += 1;
        self.waiting.push(key, &self.sequences);
        self.welcome(now);
        key
    }

    /// Drops a job; `false` if it is not here.
    pub fn cancel(&mut self, now: Timestamp, key: SequenceKey) -> bool {
        self.advance(now);
        let Some(sequence) = self.sequences.get_mut(key).filter(|sequence| !sequence.abandoned)
        else {
            return false;
        };
        if sequence.state == State::Waiting {
            self.drop_waiting(key);
            self.welcome(now);
        } else {
            sequence.abandoned = true;
            self.abandoned.push(key);
            self.cut(self.clock.work_at(now));
        }
        true
    }

    /// Gives the engine this fraction of the card from `now` on; 0 suspends it.
    pub fn set_speed(&mut self, now: Timestamp, fraction: f64) {
        if fraction.to_bits() == self.fraction.to_bits() {
            self.advance(now);
        } else {
            self.fraction = fraction;
            self.change_speed(now);
        }
    }

    /// The card is not ours from `now` on; the step under way keeps what it has done.
    pub fn suspend(&mut self, now: Timestamp) {
        self.suspended = true;
        self.change_speed(now);
    }

    /// The card is ours again, weights and all.
    pub fn resume(&mut self, now: Timestamp) {
        self.suspended = false;
        self.loaded = true;
        self.change_speed(now);
    }

    /// The card is taken away with everything on it: the step under way is lost, and the KV cache.
    /// Everybody in the batch waits again, to be recomputed after [`Engine::resume`].
    pub fn evict(&mut self, now: Timestamp) {
        self.advance(now);
        self.loaded = false;
        self.note_gaps_until(now);
        if let Some(stretch) = self.stretch.take() {
            self.book(stretch.noted);
            self.preempt_all(now, stretch.noted_at.unwrap_or(now));
        }
        self.change_speed(now);
        self.memory.clear();
    }

    /// Lets happen what is due by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        let reached = self.clock.work_at(now);
        while let Some(stretch) = &self.stretch {
            if stretch.end > reached {
                break;
            }
            let end = stretch.end;
            self.end_stretch();
            self.begin_step(end);
        }
        self.tell_tokens_until(now);
    }

    /// What has happened, oldest first. The engine forgets it.
    pub fn drain_news(&mut self) -> std::vec::Drain<'_, Progress> {
        self.news.drain(..)
    }

    /// As [`Engine::drain_news`], in exchange for an empty list whose room is used again.
    #[inline]
    pub(crate) fn exchange_news(&mut self, empty: &mut Vec<Progress>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut self.news, empty);
    }

    /// When the next token that is told may come, or earlier; `None` while none will come by
    /// itself. What else there is to tell comes with it.
    pub fn next_event(&self) -> Option<Timestamp> {
        let stretch = self.stretch.as_ref()?;
        let next = if self.watched.is_empty() {
            stretch.quiet_until
        } else {
            stretch.start + stretch.line.time(stretch.told + 1)
        };
        self.clock.wall_at(next)
    }

    /// Work is there, and perhaps a card: begins a step if none is under way, or sees to it that
    /// whoever waits joins as soon as possible.
    fn welcome(&mut self, now: Timestamp) {
        if self.stretch.is_some() {
            self.let_join(now);
        } else if self.clock.is_running() {
            self.begin_step(self.clock.work_at(now));
        }
    }

    fn change_speed(&mut self, now: Timestamp) {
        self.advance(now);
        self.note_gaps_until(now);
        let ours = self.loaded && !self.suspended;
        self.clock.set_speed(now, if ours { self.fraction } else { 0.0 });
        if self.stretch.is_none() {
            self.welcome(now);
        }
    }

    /// When this much work is done, which is so already.
    fn wall(&self, work: Work) -> Timestamp {
        self.clock.wall_at(work).expect("what is done was done while the clock ran")
    }
}
