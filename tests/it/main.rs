//! What only the whole can show.

mod tidy;
