//! What a sequence has and needs, counted out.

use connector::Timestamp;

use super::{
    Carried, Job, Limits,
    pool::{Held, Pool},
};
use crate::serving::Policy;
use crate::step_time::{CONTEXT_UNITS, Load};

pub(super) struct Seq {
    pub(super) job: Job,
    pub(super) arrival: u64,
    pub(super) made: u32,
    /// Whether it has ever been in the batch.
    pub(super) joined: bool,
    /// Tokens in the cache when it joins.
    pub(super) restored: u32,
    /// Prompt and answer so far when it joined: what is to be computed before it decodes.
    pub(super) total: u32,
    pub(super) done: u32,
    /// Tokens put through the model in this step.
    pub(super) chunk: u32,
    pub(super) decode_steps: u64,
    pub(super) held: Held,
    pub(super) last_token: Timestamp,
}

impl Seq {
    pub(super) fn new(job: Job, arrival: u64, carried: Carried) -> Self {
        let held = Held::nothing(arrival, job.content.clone().unwrap_or_default());
        let (total, done, chunk, decode_steps) = (0, 0, 0, 0);
        let Carried { made, computed: restored, last_token } = carried;
        Self {
            job,
            arrival,
            made,
            joined: false,
            restored,
            total,
            done,
            chunk,
            decode_steps,
            held,
            last_token,
        }
    }

    /// Whether it has got nowhere yet, here or elsewhere.
    pub(super) fn is_new(&self) -> bool {
        !self.joined && self.made == 0 && self.restored == 0
    }

    pub(super) fn decodes(&self) -> bool {
        self.done == self.total && self.total > 0
    }

    /// Tokens to put through the model in a step that has so many left.
    pub(super) fn next_chunk(&self, limits: &Limits, budget: u32) -> u32 {
        if self.decodes() { drafts(limits) + 1 } else { (self.total - self.done).min(budget) }
    }

    /// Blocks to be held for `chunk` more tokens.
    pub(super) fn blocks(&self, limits: &Limits, chunk: u32) -> usize {
        let (stride, scale) = pace(limits);
        let drafted = u64::from(drafts(limits) + 1);
        let tokens = if self.decodes() {
            u64::from(self.total) + drafted + made_in(limits, self.decode_steps)
        } else if self.done + chunk == self.total {
            u64::from(self.total) + (drafted * scale - stride) / scale
        } else {
            u64::from(self.done + chunk)
        };
        tokens.div_ceil(u64::from(limits.block_tokens)) as usize
    }

    /// Takes blocks for what goes through the model in this step.
    pub(super) fn put_through(&mut self, pool: &mut Pool, chunk: u32, blocks: usize) {
        pool.grow(&mut self.held, blocks);
        self.chunk = chunk;
        if !self.decodes() {
            pool.publish(&mut self.held, self.done + chunk, self.job.prompt.get());
        }
    }

    /// One step more: so many tokens are made.
    pub(super) fn step(&mut self, limits: &Limits) -> u32 {
        if self.decodes() {
            self.decode_steps += 1;
            return (made_in(limits, self.decode_steps) - made_in(limits, self.decode_steps - 1))
                as u32;
        }
        self.done += self.chunk;
        u32::from(self.decodes())
    }

    fn add_to(&self, load: &mut Load, limits: &Limits) {
        let (stride, scale) = pace(limits);
        if self.decodes() {
            load.decodes += 1;
            load.decode_tokens += self.chunk;
            let context = u64::from(self.total) * scale + self.decode_steps * stride;
            load.context += context * CONTEXT_UNITS / scale;
        } else {
            load.add_chunk(u64::from(self.done), self.chunk);
        }
        load.sampled += u32::from(self.decodes() || self.done + self.chunk == self.total);
    }
}

/// What all of them put through the model.
pub(super) fn load(running: &[Seq], limits: &Limits) -> Load {
    let mut load = Load::default();
    for seq in running {
        seq.add_to(&mut load, limits);
    }
    load
}

/// Who is preempted next.
pub(super) fn victim(running: &[Seq], policy: Policy) -> usize {
    let rank = |index: &usize| (running[*index].job.rank, running[*index].arrival);
    match policy {
        Policy::Fcfs => running.len() - 1,
        Policy::Priority => (0..running.len()).max_by_key(rank).unwrap(),
    }
}

/// Brings those who wait in line.
pub(super) fn sort(waiting: &mut [Seq], policy: Policy) {
    if policy == Policy::Priority {
        waiting.sort_by_key(|seq| (seq.job.rank, seq.arrival));
    }
}

pub(super) fn drafts(limits: &Limits) -> u32 {
    limits.speculation.map_or(0, |speculation| speculation.drafts)
}

/// Tokens made in so many steps of decoding.
pub(super) fn made_in(limits: &Limits, steps: u64) -> u64 {
    let (stride, scale) = pace(limits);
    steps * stride / scale
}

fn pace(limits: &Limits) -> (u64, u64) {
    let pace = limits.shape().pace;
    (u64::from(pace.stride), u64::from(pace.scale))
}
