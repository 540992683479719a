//! The situations in which other clients of HostedAI's billing went wrong, and what becomes of them
//! here. Tests are named after the number of the fault (`docs/billing-faults.md` has the list): `b`
//! for its history of bugs, `p` for its pathologies.

mod bill;
mod booking;
mod keeping;
mod statement;
