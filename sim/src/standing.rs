//! Whether a card takes shares, and whether it is there at all.
//!
//! A card is *open*, *closing* (nobody new comes onto it; those who are there stay until they leave or
//! are made to), or *away*. It may be wanted away for several causes at once: it fails while it is
//! drained for maintenance. It opens again when the last of them is gone. A *spare* card is closed and
//! stays.
//!
//! ```text
//!            close               it is empty, or withdrawn
//!   Open  ---------->  Closing  --------------------------->  Away
//!     ^  ---------------- withdraw ------------------------->  |
//!     +------------- the last cause is gone -------------------+
//! ```

/// Why a card takes no shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A scripted fault took it off the bus.
    Fault,
    /// The pool needs fewer cards than it has.
    Scaling,
    /// It is kept ready for when the pool needs more: the one cause for which no card leaves.
    Spare,
    /// The provider needs it back.
    Spot,
    /// The provider has nothing to spare at all.
    Shortage,
    /// It failed.
    Failure,
    /// Its node failed.
    NodeFailure,
    /// A failure of what many cards have in common hit it.
    CommonFailure,
    /// It is taken out of service for a while, on a schedule.
    Maintenance,
}

/// See the module text. A new card is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// One bit for each cause.
    causes: u16,
    is_there: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self { causes: 0, is_there: true }
    }
}

impl Standing {
    pub(crate) fn is_open(self) -> bool {
        self.causes == 0
    }

    /// Whether it takes no shares for this cause and no other.
    pub(crate) fn is_closed_only_for(self, cause: Cause) -> bool {
        self.causes == bit(cause)
    }

    /// Whether it is there, or will be, once it is empty.
    pub(crate) fn stays(self) -> bool {
        self.causes & !bit(Cause::Spare) == 0
    }

    /// Whether it is there, open or closing.
    pub(crate) fn is_there(self) -> bool {
        self.is_there
    }

    /// Whether this is one of the causes for which it is closed or away.
    pub(crate) fn is_wanted_away(self, cause: Cause) -> bool {
        self.causes & bit(cause) != 0
    }

    /// It takes nobody new.
    pub(crate) fn close(&mut self, cause: Cause) {
        self.causes |= bit(cause);
    }

    /// It is gone; it was closed before.
    pub(crate) fn leave(&mut self) {
        debug_assert!(!self.stays(), "a card leaves for a cause");
        self.is_there = false;
    }

    /// A cause is gone. Without any to leave for, the card is there again.
    pub(crate) fn lift(&mut self, cause: Cause) {
        self.causes &= !bit(cause);
        self.is_there |= self.stays();
    }
}

fn bit(cause: Cause) -> u16 {
    1 << cause as u8
}
