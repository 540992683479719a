//! A recording as the far side of a run.
//!
//! # Problem
//!
//! What happened against a real endpoint is to be looked at again, with the same platform or with a
//! changed one, without paying for it again; and the simulator's own runs are to come out the same from
//! their recordings, which shows that a recording has everything.
//!
//! # Mechanism
//!
//! * [`Strict`] gives every event when it was recorded, once all operations have been asked that were
//!   asked before it. It knows one conversation only: an operation that is not the next one is a
//!   [`Divergence`].
//! * [`Nearest`] answers whatever is asked as the nearest recorded question was answered: of the same
//!   kind, pool and model, and of about the same size.
//!
//! # Edges
//!
//! A connector cannot fail, so a strict replay that has diverged refuses everything from then on, and says
//! why in [`Strict::divergence`]. A recording with gaps cannot be replayed strictly.

mod nearest;
mod strict;

pub use nearest::Nearest;
pub use strict::{Divergence, Gap, Strict};
