use super::{choice::List, places::Places};

/// Round robin: every list goes round its candidates.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// By list: whose turn it is.
    next: Vec<usize>,
}

impl Turns {
    pub(super) fn new(lists: usize) -> Self {
        Self { next: vec![0; lists] }
    }

    /// A first choice takes its turn; whoever goes on from there does not count.
    pub(super) fn pick(
        &mut self,
        list: &List,
        open: Places,
        before: Option<usize>,
    ) -> Option<usize> {
        if let Some(before) = before {
            return open.first_from(before + 1);
        }
        let next = &mut self.next[list.number];
        let place = open.first_from(*next)?;
        *next = place + 1;
        Some(place)
    }
}
