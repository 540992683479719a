use connector::Ticket;
use slotmap::{Key, KeyData, new_key_type};

use crate::{lease::LeaseKey, timers::Wait};

new_key_type! {
    /// Names one operation in flight. It is its ticket as well: place in the table and generation,
    /// so an answer is matched without a search and a second answer is recognised.
    pub(crate) struct QuestionKey;
}

impl QuestionKey {
    pub(crate) fn ticket(self) -> Ticket {
        Ticket(self.data().as_ffi())
    }

    pub(crate) fn of(ticket: Ticket) -> Self {
        KeyData::from_ffi(ticket.0).into()
    }
}

/// What was asked, as far as the answer needs to know. A question stays open until it is answered,
/// however long ago everybody stopped waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    Allocate(LeaseKey),
    Infer(LeaseKey),
    /// Its answer changes nothing: the inference's own ticket is answered too.
    Cancel,
    Release(LeaseKey),
    /// About the cable of this index.
    List(usize),
}

impl Question {
    /// Which time-out the answer has; `None` if nobody waits for it.
    pub(crate) fn wait(self) -> Option<Wait> {
        match self {
            Self::Allocate(_) => Some(Wait::Allocation),
            Self::Infer(_) => Some(Wait::Inference),
            Self::Release(_) | Self::List(_) => Some(Wait::Release),
            Self::Cancel => None,
        }
    }
}
