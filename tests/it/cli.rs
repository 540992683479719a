//! Every verb, flag and exit code, and every way of holding it wrong.

mod bad_scenario;
mod bad_text;
mod bad_trace;
mod bill;
mod caps;
mod closed_loop;
mod explain;
mod files;
mod gpuaas;
mod help;
mod interrupt;
mod known_truth;
mod ledger;
mod live;
mod live_config;
mod local_engine;
mod overlay;
mod parity;
mod run;
mod secrets;
mod sweep;
mod verbs;
