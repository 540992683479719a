//! The live connector against servers over loopback: one that answers as it should and many that
//! do not.

mod bounds;
mod dialogue;
mod hostile;
mod openai;
mod server;
mod talk;
