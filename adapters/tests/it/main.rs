//! The live connector against servers over loopback, one that answers as it should and many that do
//! not; and the ledger's stores.

mod bounds;
mod dialogue;
mod hostile;
mod ledger;
mod openai;
mod progress;
mod server;
mod talk;
