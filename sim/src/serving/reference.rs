//! The same rules in the plain way: every step by itself, every sequence and every block by name.

mod pool;

use connector::Timestamp;

use self::pool::{Held, Pool};
use super::{Job, Limits, Policy, Progress, ProgressKind, clock::Clock};
use crate::step_time::{BatchTime, CONTEXT_UNITS, Growth, Load, StepTime};

struct Seq {
    job: Job,
    arrival: u64,
    made: u32,
    /// Prompt and answer so far when it joined: what is to be computed before it decodes.
    total: u32,
    done: u32,
    /// Tokens put through the model in this step.
    chunk: u32,
    decode_steps: u64,
    held: Held,
    last_token: Timestamp,
}

pub(super) struct Reference {
    limits: Limits,
    time: BatchTime,
    clock: Clock,
    waiting: Vec<Seq>,
    running: Vec<Seq>,
    abandoned: Vec<u64>,
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
            time,
            clock: Clock::stopped(),
            waiting: Vec::new(),
            running: Vec::new(),
            abandoned: Vec::new(),
            pool: Pool::new(limits),
            arrivals: 0,
            step: None,
            closed: false,
            news: Vec::new(),
            gaps: Vec::new(),
            limits,
        }
    }

    pub(super) fn submit(&mut self, now: Timestamp, job: Job) {
        self.advance(now);
        let ids = job.content.clone().unwrap_or_default();
        let held = Held::nothing(self.arrivals, ids);
        let (arrival, last_token) = (self.arrivals, now);
        let seq = Seq {
            job,
            arrival,
            made: 0,
            total: 0,
            done: 0,
            chunk: 0,
            decode_steps: 0,
            held,
            last_token,
        };
        self.arrivals += 1;
        self.waiting.push(seq);
        self.sort();
        self.welcome(now);
    }

    pub(super) fn cancel(&mut self, now: Timestamp, id: u64) {
        self.advance(now);
        if self.running.iter().any(|seq| seq.job.id == id) && !self.abandoned.contains(&id) {
            self.abandoned.push(id);
        }
        self.waiting.retain(|seq| seq.job.id != id);
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
        self.closed = false;
        self.running.iter_mut().for_each(|seq| seq.chunk = 0);
        let mut index = 0;
        while index < self.running.len() {
            let decodes = self.running[index].decodes();
            let left = self.running[index].total - self.running[index].done;
            let chunk = if decodes { self.drafts() + 1 } else { left.min(self.budget()) };
            let needed = self.blocks(&self.running[index], chunk);
            if needed.saturating_sub(self.running[index].held.blocks.len()) > self.pool.free() {
                let victim = self.victim();
                index -= usize::from(victim < index);
                let seq = self.running.remove(victim);
                self.leave(seq, self.clock.wall_at(start).unwrap());
                self.closed = true;
                continue;
            }
            let seq = &mut self.running[index];
            self.pool.grow(&mut seq.held, needed);
            seq.chunk = chunk;
            if !decodes {
                self.pool.publish(&mut seq.held, seq.done + chunk, seq.job.prompt.get());
            }
            index += 1;
        }
        self.step = None;
        self.admit(start, self.clock.wall_at(start).unwrap());
    }

    fn admit(&mut self, start: i128, at: Timestamp) {
        let most =
            (self.limits.token_budget / (self.drafts() + 1)).clamp(1, self.limits.max_sequences);
        while !self.closed
            && self.budget() > 0
            && self.running.len() < most as usize
            && !self.waiting.is_empty()
        {
            let mut seq = self.waiting.remove(0);
            let (found, unheld) = self.pool.look_up(&seq.held);
            seq.total = seq.job.prompt.get() + seq.made;
            seq.done = (found as u32 * self.limits.block_tokens).min(seq.total - 1);
            let chunk = (seq.total - seq.done).min(self.budget());
            let must_fit = if self.limits.reserve_prompt { seq.total - seq.done } else { chunk };
            if self.blocks(&seq, must_fit).saturating_sub(found) + unheld > self.pool.free() {
                self.waiting.insert(0, seq);
                break;
            }
            self.news.push(Progress { at, id: seq.job.id, kind: ProgressKind::Scheduled });
            self.pool.adopt(&mut seq.held);
            let blocks = self.blocks(&seq, chunk);
            self.pool.grow(&mut seq.held, blocks);
            self.pool.publish(&mut seq.held, seq.done + chunk, seq.job.prompt.get());
            seq.chunk = chunk;
            self.running.push(seq);
        }
        if !self.running.is_empty() {
            let time = self.time.line(&self.load(), &Growth::default()).first;
            self.step = Some((start, start + i128::from(time)));
        }
    }

    fn load(&self) -> Load {
        let (stride, scale) = self.pace();
        let mut load = Load::default();
        for seq in &self.running {
            if seq.decodes() {
                load.decodes += 1;
                load.decode_tokens += seq.chunk;
                let context = u64::from(seq.total) * scale + seq.decode_steps * stride;
                load.context += context * CONTEXT_UNITS / scale;
            } else {
                load.add_chunk(u64::from(seq.done), seq.chunk);
            }
            load.sampled += u32::from(seq.decodes() || seq.done + seq.chunk == seq.total);
        }
        load
    }

    fn end(&mut self, at: Timestamp) {
        for mut seq in std::mem::take(&mut self.running) {
            let made = if seq.decodes() {
                seq.decode_steps += 1;
                (self.made_in(seq.decode_steps) - self.made_in(seq.decode_steps - 1)) as u32
            } else {
                seq.done += seq.chunk;
                u32::from(seq.decodes())
            };
            let (id, first) = (seq.job.id, seq.made == 0);
            seq.made += made;
            let last = seq.made >= seq.job.output.get();
            if made > 0 {
                self.gaps.extend((!first).then(|| at.since(seq.last_token).as_nanos()));
                seq.last_token = at;
            }
            if made > 0 && !self.abandoned.contains(&id) {
                let kind =
                    if first { ProgressKind::FirstToken } else { ProgressKind::Tokens(made) };
                let told = first || (seq.job.watched && !last);
                self.news.extend(told.then_some(Progress { at, id, kind }));
                let kind = ProgressKind::Finished;
                self.news.extend(last.then_some(Progress { at, id, kind }));
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
        self.pool.give_back(&mut seq.held, u64::from(seq.done) + self.made_in(seq.decode_steps));
        (seq.done, seq.total, seq.decode_steps) = (0, 0, 0);
        if self.abandoned.contains(&seq.job.id) {
            return;
        }
        self.news.push(Progress { at, id: seq.job.id, kind: ProgressKind::Preempted });
        self.waiting.insert(0, seq);
        self.sort();
    }

    fn victim(&self) -> usize {
        let rank = |index: &usize| (self.running[*index].job.rank, self.running[*index].arrival);
        match self.limits.policy {
            Policy::Fcfs => self.running.len() - 1,
            Policy::Priority => (0..self.running.len()).max_by_key(rank).unwrap(),
        }
    }

    fn sort(&mut self) {
        if self.limits.policy == Policy::Priority {
            self.waiting.sort_by_key(|seq| (seq.job.rank, seq.arrival));
        }
    }

    fn budget(&self) -> u32 {
        self.limits.token_budget - self.running.iter().map(|seq| seq.chunk).sum::<u32>()
    }

    /// Blocks to be held for `chunk` more tokens.
    fn blocks(&self, seq: &Seq, chunk: u32) -> usize {
        let (stride, scale) = self.pace();
        let tokens = if seq.decodes() {
            u64::from(seq.total + self.drafts() + 1) + self.made_in(seq.decode_steps)
        } else if seq.done + chunk == seq.total {
            u64::from(seq.total) + (u64::from(self.drafts() + 1) * scale - stride) / scale
        } else {
            u64::from(seq.done + chunk)
        };
        tokens.div_ceil(u64::from(self.limits.block_tokens)) as usize
    }

    fn drafts(&self) -> u32 {
        self.limits.speculation.map_or(0, |speculation| speculation.drafts)
    }

    fn pace(&self) -> (u64, u64) {
        let pace = self.limits.shape().pace;
        (u64::from(pace.stride), u64::from(pace.scale))
    }

    fn made_in(&self, steps: u64) -> u64 {
        let (stride, scale) = self.pace();
        steps * stride / scale
    }
}

impl Seq {
    fn decodes(&self) -> bool {
        self.done == self.total && self.total > 0
    }
}
