//! The live connector against servers over loopback, one that answers as it should and many that do
//! not; recordings and their replay; the ledger's stores; and bills as the provider states them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod billing_faults;
mod bounds;
mod covenant;
mod credentials;
mod dialogue;
mod every_dialect;
mod gpuaas;
mod hostile;
mod ledger;
mod openai;
mod progress;
mod recording;
mod replay;
mod tls;
mod versions;

mod server;
mod talk;
