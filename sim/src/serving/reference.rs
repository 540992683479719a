//! The same rules in the plain way: every step by itself, every sequence and every block by name.

mod depart;
mod pool;
mod sequence;

use connector::{Timestamp, Tokens};

use self::{
    pool::Pool,
    sequence::{Seq, drafts, load, made_in, sort, victim},
};
use super::{Carried, Job, Limits, Progress, ProgressKind, clock::Clock};
use crate::step_time::{BatchTime, Growth, StepTime};

pub(super) struct Reference {
    limits: Limits,
    time: BatchTime,
    clock: Clock,
    waiting: Vec<Seq>,
    running: Vec<Seq>,
    abandoned: Vec<u64>,
    withdrawn: Vec<u64>,
    pool: Pool,
    arrivals: u64,
    /// When the step began and ends, in work done.
    step: Option<(i128, i128)>,
    /// Somebody was preempted for this step.
    closed: bool,
    pub(super) news: Vec<Progress>,
    pub(super) gaps: Vec<u64>,
}

impl Reference {
    pub(super) fn new(limits: Limits, time: BatchTime) -> Self {
        Self {
            limits,
            time,
            clock: Clock::stopped(),
            waiting: Vec::new(),
            running: Vec::new(),
            abandoned: Vec::new(),
            withdrawn: Vec::new(),
            pool: Pool::new(limits),
            arrivals: 0,
            step: None,
            closed: false,
            news: Vec::new(),
            gaps: Vec::new(),
        }
    }

    pub(super) fn submit(&mut self, now: Timestamp, job: Job, carried: Carried) {
        self.advance(now);
        self.waiting.push(Seq::new(job, self.arrivals, carried));
        self.arrivals += 1;
        sort(&mut self.waiting, self.limits.policy);
        self.welcome(now);
    }

    pub(super) fn set_speed(&mut self, now: Timestamp, fraction: f64) {
        self.advance(now);
        self.clock.set_speed(now, fraction);
        self.welcome(now);
    }

    pub(super) fn evict(&mut self, now: Timestamp) {
        self.advance(now);
        self.clock.set_speed(now, 0.0);
        self.step = None;
        while let Some(seq) = self.running.pop() {
            self.leave(seq, now);
        }
        self.pool.clear();
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        while let Some((_, end)) = self.step.filter(|(_, end)| *end <= self.clock.work_at(now)) {
            self.end(self.clock.wall_at(end).unwrap());
            self.begin(end);
        }
    }

    /// An idle engine begins a step; one that has just begun can still be joined.
    fn welcome(&mut self, now: Timestamp) {
        let work = self.clock.work_at(now);
        match self.step {
            Some((start, _)) if start == work => self.admit(start, now),
            None if self.clock.is_running() => self.begin(work),
            _ => {}
        }
    }

    fn begin(&mut self, start: i128) {
        let at = self.clock.wall_at(start).unwrap();
        self.closed = false;
        self.running.iter_mut().for_each(|seq| seq.chunk = 0);
        let mut index = 0;
        while index < self.running.len() {
            let (seq, budget) = (&self.running[index], self.budget());
            let chunk = seq.next_chunk(&self.limits, budget);
            let needed = seq.blocks(&self.limits, chunk);
            if needed.saturating_sub(seq.held.blocks.len()) > self.pool.free() {
                let victim = victim(&self.running, self.limits.policy);
                index -= usize::from(victim < index);
                let seq = self.running.remove(victim);
                self.leave(seq, at);
                self.closed = true;
                continue;
            }
            self.running[index].put_through(&mut self.pool, chunk, needed);
            index += 1;
        }
        self.step = None;
        self.admit(start, at);
    }

    fn admit(&mut self, start: i128, at: Timestamp) {
        let limits = self.limits;
        let most = (limits.token_budget / (drafts(&limits) + 1)).clamp(1, limits.max_sequences);
        while !self.closed && self.budget() > 0 && self.running.len() < most as usize {
            let budget = self.budget();
            let Some(seq) = self.waiting.first_mut() else { break };
            let (found, unheld) = self.pool.look_up(&seq.held);
            seq.total = seq.job.prompt.get() + seq.made;
            seq.done = (found as u32 * limits.block_tokens).max(seq.restored).min(seq.total - 1);
            let left = seq.total - seq.done;
            let chunk = left.min(budget);
            let must_fit = seq.blocks(&limits, if limits.reserve_prompt { left } else { chunk });
            if must_fit.saturating_sub(found) + unheld > self.pool.free() {
                break;
            }
            let mut seq = self.waiting.remove(0);
            let found = (seq.is_new() && limits.prefix_caching).then(|| Tokens::new(seq.done));
            self.news.push(Progress {
                at,
                id: seq.job.id,
                kind: ProgressKind::Scheduled { found },
            });
            seq.joined = true;
            self.pool.adopt(&mut seq.held);
            seq.restored = 0;
            let blocks = seq.blocks(&limits, chunk);
            seq.put_through(&mut self.pool, chunk, blocks);
            self.running.push(seq);
        }
        let load = load(&self.running, &limits);
        let time = i128::from(self.time.line(&load, &Growth::default()).first);
        self.step = (!self.running.is_empty()).then_some((start, start + time));
    }

    fn end(&mut self, at: Timestamp) {
        for mut seq in std::mem::take(&mut self.running) {
            let (id, first, made) = (seq.job.id, seq.made == 0, seq.step(&self.limits));
            seq.made += made;
            let last = seq.made >= seq.job.output.get();
            if made > 0 {
                let gap = !first && !self.withdrawn.contains(&id);
                self.gaps.extend(gap.then(|| at.since(seq.last_token).as_nanos()));
                seq.last_token = at;
            }
            if made > 0 && !self.abandoned.contains(&id) {
                let tokens = (seq.job.watched && !last).then_some(ProgressKind::Tokens(made));
                let token = if first { Some(ProgressKind::FirstToken) } else { tokens };
                let told = token.into_iter().chain(last.then_some(ProgressKind::Finished));
                self.news.extend(told.map(|kind| Progress { at, id, kind }));
            }
            if last {
                self.pool.give_back(&mut seq.held, 0);
            } else {
                self.running.push(seq);
            }
        }
        for id in self.abandoned.clone() {
            if let Some(index) = self.running.iter().position(|seq| seq.job.id == id) {
                let seq = self.running.remove(index);
                self.leave(seq, at);
            }
        }
        self.abandoned.clear();
    }

    /// Leaves the batch, to wait again unless nobody waits for it.
    fn leave(&mut self, mut seq: Seq, at: Timestamp) {
        let computed = u64::from(seq.done) + made_in(&self.limits, seq.decode_steps);
        self.pool.give_back(&mut seq.held, computed);
        (seq.done, seq.total, seq.decode_steps) = (0, 0, 0);
        if self.abandoned.contains(&seq.job.id) {
            return;
        }
        self.news.push(Progress { at, id: seq.job.id, kind: ProgressKind::Preempted });
        self.waiting.insert(0, seq);
        sort(&mut self.waiting, self.limits.policy);
    }

    fn budget(&self) -> u32 {
        self.limits.token_budget - self.running.iter().map(|seq| seq.chunk).sum::<u32>()
    }
}
