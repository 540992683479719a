//! A queue of runs of free blocks, from which any run can be removed.

use slotmap::{SlotMap, new_key_type};

new_key_type! {
    /// Names a run, also after it is gone.
    pub(super) struct RunKey;
}

/// What is in the blocks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing that anybody will ask for.
    Nothing,
    /// A block of a trace's prompts. Lost as a whole when its first KV block is taken.
    Shared(u64),
    /// What one sequence had computed. Taken from its end, so that what is left is a prefix.
    Own,
}

/// Blocks that were given back together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    content: Content,
    /// How many are left, at least one.
    pub(super) blocks: u64,
    before: RunKey,
    after: RunKey,
}

/// Runs in the order in which they were given back: a doubly linked list in a slot map.
#[derive(Debug, Default)]
pub(super) struct Runs {
    links: SlotMap<RunKey, Run>,
    /// The run that is taken first; null if there is none.
    front: RunKey,
    back: RunKey,
}

impl Runs {
    pub(super) fn get(&self, key: RunKey) -> Option<&Run> {
        self.links.get(key)
    }

    /// Appends a run of at least one block.
    pub(super) fn push(&mut self, content: Content, blocks: u64) -> RunKey {
        let before = self.back;
        let key = self.links.insert(Run { content, blocks, before, after: RunKey::default() });
        match self.links.get_mut(before) {
            Some(before) => before.after = key,
            None => self.front = key,
        }
        self.back = key;
        key
    }

    /// Appends blocks with nothing in them, at least one.
    pub(super) fn push_nothing(&mut self, blocks: u64) {
        match self.links.get_mut(self.back) {
            Some(last) if last.content == Content::Nothing => last.blocks += blocks,
            _ => {
                self.push(Content::Nothing, blocks);
            }
        }
    }

    /// Takes a run out, wherever it is.
    pub(super) fn remove(&mut self, key: RunKey) -> Option<Run> {
        let run = self.links.remove(key)?;
        match self.links.get_mut(run.before) {
            Some(before) => before.after = run.after,
            None => self.front = run.after,
        }
        match self.links.get_mut(run.after) {
            Some(after) => after.before = run.before,
            None => self.back = run.before,
        }
        Some(run)
    }

    /// Nobody will ask for what is in this run.
    pub(super) fn forget(&mut self, key: RunKey) {
        if let Some(run) = self.links.get_mut(key) {
            run.content = Content::Nothing;
        }
    }

    /// Takes blocks from the front; tells the shared content that is lost by it.
    pub(super) fn take(&mut self, mut blocks: u64, mut lose: impl FnMut(u64)) {
        while blocks > 0 {
            let run = self.links.get_mut(self.front).expect("every free block is in a run");
            if let Content::Shared(id) = run.content {
                lose(id);
                run.content = Content::Nothing;
            }
            let taken = run.blocks.min(blocks);
            run.blocks -= taken;
            blocks -= taken;
            if run.blocks == 0 {
                self.remove(self.front);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_in_the_order_in_which_they_were_given_back() {
        let mut runs = Runs::default();
        runs.push_nothing(2);
        runs.push(Content::Shared(7), 3);
        let own = runs.push(Content::Own, 4);
        runs.push(Content::Shared(9), 1);
        let mut lost = Vec::new();
        runs.take(2, |id| lost.push(id));
        assert!(lost.is_empty());
        runs.take(1, |id| lost.push(id));
        assert_eq!(lost, [7], "the first block of a shared run loses it");
        runs.take(3, |id| lost.push(id));
        assert_eq!(runs.get(own).map(|run| run.blocks), Some(3), "an own run loses its end only");
        runs.take(4, |id| lost.push(id));
        assert_eq!(lost, [7, 9]);
        assert!(runs.links.is_empty());
    }

    #[test]
    fn a_run_can_be_removed_from_anywhere() {
        for removed in 0..3 {
            let mut runs = Runs::default();
            let keys = [1, 2, 3].map(|id| runs.push(Content::Shared(id), 1));
            assert!(runs.remove(keys[removed]).is_some());
            assert!(runs.remove(keys[removed]).is_none());
            let mut lost = Vec::new();
            runs.take(2, |id| lost.push(id));
            let left: Vec<u64> =
                [1, 2, 3].into_iter().filter(|id| *id != removed as u64 + 1).collect();
            assert_eq!(lost, left);
        }
    }
}
