//! KV blocks by name.

use std::{collections::VecDeque, sync::Arc};

use super::Limits;

#[derive(Clone, Copy, PartialEq)]
enum Content {
    /// Of this hash id.
    Shared(u64),
    /// Of this sequence.
    Own(u64),
}

/// What a sequence holds, and where it might find more.
#[derive(Default)]
pub(super) struct Held {
    pub(super) blocks: Vec<usize>,
    name: u64,
    ids: Arc<[u64]>,
    /// Hash ids held, and the blocks of those.
    shared: (usize, usize),
    copying: bool,
    /// What it had computed itself follows after so many hash ids.
    own_after: Option<usize>,
}

impl Held {
    pub(super) fn nothing(name: u64, ids: Arc<[u64]>) -> Self {
        Self { name, ids, ..Self::default() }
    }
}

pub(super) struct Pool {
    free: VecDeque<usize>,
    content: Vec<Option<Content>>,
    holders: Vec<u32>,
    limits: Limits,
}

impl Pool {
    pub(super) fn new(limits: Limits) -> Self {
        let blocks = limits.kv_blocks as usize;
        let free = (0..blocks).collect();
        Self { free, content: vec![None; blocks], holders: vec![0; blocks], limits }
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    fn with(&self, content: Content) -> Vec<usize> {
        (0..self.content.len()).filter(|&block| self.content[block] == Some(content)).collect()
    }

    /// Blocks that a sequence would find, those of hash ids first, and how many hash ids.
    fn find(&self, held: &Held) -> (usize, Vec<usize>, Vec<usize>) {
        let found = held.ids.iter().map(|&id| self.with(Content::Shared(id)));
        let found: Vec<Vec<usize>> = found.take_while(|blocks| !blocks.is_empty()).collect();
        let own = held.own_after == Some(found.len());
        let own = if own { self.with(Content::Own(held.name)) } else { Vec::new() };
        (found.len(), found.concat(), own)
    }

    /// Blocks that a sequence would find, and how many of them nobody holds.
    pub(super) fn look_up(&self, held: &Held) -> (usize, usize) {
        let (_, shared, own) = self.find(held);
        let unheld = shared.iter().filter(|&&block| self.holders[block] == 0).count();
        (shared.len() + own.len(), unheld + own.len())
    }

    /// Holds what was found.
    pub(super) fn adopt(&mut self, held: &mut Held) {
        let (ids, shared, own) = self.find(held);
        (held.shared, held.copying, held.own_after) = ((ids, shared.len()), false, None);
        for block in shared.into_iter().chain(own.iter().copied()) {
            self.free.retain(|&free| free != block);
            self.holders[block] += 1;
            held.blocks.push(block);
        }
        for block in self.with(Content::Own(held.name)) {
            self.content[block] = None;
        }
    }

    /// Takes the blocks freed longest ago until so many are held.
    pub(super) fn grow(&mut self, held: &mut Held, blocks: usize) {
        while held.blocks.len() < blocks {
            let block = self.free.pop_front().unwrap();
            let lost = self.content[block].take();
            if let Some(Content::Shared(_)) = lost {
                // Found whole or not at all.
                self.content.iter_mut().filter(|content| **content == lost).for_each(|c| *c = None);
            }
            self.holders[block] = 1;
            held.blocks.push(block);
        }
    }

    /// So many tokens of a prompt are done: its whole hash ids can be found.
    pub(super) fn publish(&mut self, held: &mut Held, done: u32, prompt: u32) {
        while let Some(&id) = held.ids.get(held.shared.0).filter(|_| !held.copying) {
            let begin = held.shared.0 as u32 * self.limits.content_tokens;
            let end = (begin + self.limits.content_tokens).min(prompt);
            if done < end || !self.limits.prefix_caching {
                return;
            }
            let blocks = ((end - begin) / self.limits.block_tokens) as usize;
            held.copying = blocks == 0 || self.content.contains(&Some(Content::Shared(id)));
            if !held.copying {
                for &block in &held.blocks[held.shared.1..held.shared.1 + blocks] {
                    self.content[block] = Some(Content::Shared(id));
                }
                held.shared = (held.shared.0 + 1, held.shared.1 + blocks);
            }
        }
    }

    /// Gives everything back from the last block to the first. What is whole and its own can be
    /// found again.
    pub(super) fn give_back(&mut self, held: &mut Held, computed: u64) {
        let whole = (computed / u64::from(self.limits.block_tokens)) as usize;
        for (index, block) in std::mem::take(&mut held.blocks).into_iter().enumerate().rev() {
            if (held.shared.1..whole).contains(&index) && self.limits.prefix_caching {
                self.content[block] = Some(Content::Own(held.name));
                held.own_after = Some(held.shared.0);
            }
            self.holders[block] -= 1;
            if self.holders[block] == 0 {
                self.free.push_back(block);
            }
        }
        held.shared = (0, 0);
    }

    /// What nobody holds is lost.
    pub(super) fn clear(&mut self) {
        self.free.iter().for_each(|&block| self.content[block] = None);
    }
}
