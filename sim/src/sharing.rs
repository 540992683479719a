//! How the models that compute on one card share it.
//!
//! This is the seam for "how a card is shared": given how many engines of a card are busy, the
//! share of the card that each has.

/// A rule of sharing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// All busy engines at once, in equal parts; an idle engine's part goes to the others.
    #[default]
    Spatial,
}

impl Sharing {
    /// The share of each busy engine when `busy` of them are.
    pub(crate) fn fraction(self, busy: u32) -> f64 {
        match self {
            Self::Spatial => 1.0 / f64::from(busy.max(1)),
        }
    }
}
