//! KV blocks that nobody holds, and what is still in them.
//!
//! # Mechanism
//!
//! Blocks are given back to the end of a queue and taken from its front, as vLLM's block pool does,
//! so what was used longest ago is overwritten first. A block keeps what was computed into it until
//! then: a request whose prompt begins alike finds it there (prefix caching).
//!
//! The queue holds *runs* of blocks instead of blocks, since blocks that were given back together
//! are taken together:
//!
//! * `Nothing`: blocks whose content nobody will ask for again;
//! * `Shared`: one block of a trace's prompts, as numbered by its hash ids (Mooncake: 512 tokens, so
//!   32 KV blocks of 16). It is found whole or not at all: once one of its blocks is overwritten it is
//!   lost;
//! * `Own`: what a preempted sequence had computed beyond the shared part. Blocks are given back from
//!   the last to the first, so its end is overwritten first and what is left is a prefix.
//!
//! Without prefix caching the queue is a number.
//!
//! # Edges
//!
//! A second sequence that computes what another is computing already keeps its copy to itself, and
//! all that comes after it; vLLM would find such copies too.

use hashbrown::{HashMap, hash_map::Entry};
use rustc_hash::FxBuildHasher;

use super::runs::{Content, RunKey, Runs};

/// Blocks nobody holds. See the module text.
#[derive(Debug)]
pub(super) struct Memory {
    free: u64,
    cache: Option<Cache>,
}

/// What the free blocks still hold, and what is in the blocks of prompts that were found or may be.
#[derive(Debug, Default)]
struct Cache {
    runs: Runs,
    shared: HashMap<u64, Shared, FxBuildHasher>,
}

/// A block of a trace's prompts that is in memory.
#[derive(Clone, Copy, Debug)]
struct Shared {
    /// Sequences that hold it.
    holders: u32,
    blocks: u32,
    /// Where it waits to be overwritten, while nobody holds it.
    run: RunKey,
}

impl Memory {
    /// All these blocks are free and empty.
    pub(super) fn new(blocks: u64, caching: bool) -> Self {
        let mut memory = Self { free: 0, cache: caching.then(Cache::default) };
        memory.give(blocks);
        memory
    }

    pub(super) fn is_caching(&self) -> bool {
        self.cache.is_some()
    }

    /// Blocks that can be taken.
    #[inline]
    pub(super) fn free(&self) -> u64 {
        self.free
    }

    /// Takes blocks; what was in them is lost.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub(super) fn take(&mut self, blocks: u64) {
        self.free =
            self.free.checked_sub(blocks).expect("blocks are counted before they are taken");
        if let Some(cache) = self.cache.as_mut().filter(|_| blocks > 0) {
            cache.overwrite(blocks);
        }
    }

    /// Gives back blocks whose content nobody will ask for.
    #[inline]
    pub(super) fn give(&mut self, blocks: u64) {
        self.free += blocks;
        if let Some(cache) = self.cache.as_mut().filter(|_| blocks > 0) {
            cache.runs.push_nothing(blocks);
        }
    }

    /// Gives back what a preempted sequence had computed, to be found by [`Memory::hold_own`];
    /// `None` if nothing is kept.
    pub(super) fn give_own(&mut self, blocks: u64) -> Option<RunKey> {
        self.free += blocks;
        let cache = self.cache.as_mut().filter(|_| blocks > 0)?;
        Some(cache.runs.push(Content::Own, blocks))
    }

    /// How many blocks of what it had computed a sequence would find.
    pub(super) fn own_left(&self, run: RunKey) -> u64 {
        self.cache.as_ref().and_then(|cache| cache.runs.get(run)).map_or(0, |run| run.blocks)
    }

    /// The sequence holds again what is left of what it had computed.
    pub(super) fn hold_own(&mut self, run: RunKey) -> u64 {
        let cache = self.cache.as_mut().expect("a run was made by a cache");
        let blocks = cache.runs.remove(run).map_or(0, |run| run.blocks);
        self.free -= blocks;
        blocks
    }

    /// Nobody will ask for this run any more; its blocks keep their place.
    pub(super) fn forget_own(&mut self, run: RunKey) {
        if let Some(cache) = &mut self.cache {
            cache.runs.forget(run);
        }
    }

    /// Whether this block of a trace's prompts is in memory, and how many free blocks are taken by
    /// holding it.
    pub(super) fn find(&self, id: u64) -> Option<u64> {
        let shared = self.cache.as_ref()?.shared.get(&id)?;
        Some(if shared.holders == 0 { u64::from(shared.blocks) } else { 0 })
    }

    /// One more sequence holds this block, which was found; returns its size in KV blocks.
    pub(super) fn hold(&mut self, id: u64) -> u64 {
        let cache = self.cache.as_mut().expect("the block was found");
        let shared = cache.shared.get_mut(&id).expect("the block was found");
        let blocks = u64::from(shared.blocks);
        shared.holders += 1;
        if shared.holders == 1 {
            cache.runs.remove(shared.run);
            self.free -= blocks;
        }
        blocks
    }

    /// A sequence has computed this block of a trace's prompts, at least one KV block, and holds it;
    /// `false` if it is in memory already, or nothing is kept.
    pub(super) fn register(&mut self, id: u64, blocks: u32) -> bool {
        let Some(cache) = &mut self.cache else { return false };
        match cache.shared.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Shared { holders: 1, blocks, run: RunKey::default() });
                true
            }
        }
    }

    /// One sequence fewer holds this block.
    pub(super) fn let_go(&mut self, id: u64) {
        let cache = self.cache.as_mut().expect("the block is held");
        let shared = cache.shared.get_mut(&id).expect("a held block is in memory");
        shared.holders -= 1;
        if shared.holders > 0 {
            return;
        }
        let blocks = u64::from(shared.blocks);
        self.free += blocks;
        shared.run = cache.runs.push(Content::Shared(id), blocks);
    }

    /// Everything that nobody holds is lost.
    pub(super) fn clear(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.overwrite(self.free);
            if self.free > 0 {
                cache.runs.push_nothing(self.free);
            }
        }
    }
}

impl Cache {
    /// The blocks at the front are used for something else.
    fn overwrite(&mut self, blocks: u64) {
        let shared = &mut self.shared;
        self.runs.take(blocks, |id| {
            shared.remove(&id);
        });
    }
}
