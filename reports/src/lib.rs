//! Run records in, tables and files out.
//!
//! A [`Recorder`] is told of every finished request and of the state of the pools while a run
//! lasts, and condenses them in bounded memory. At the end it becomes a [`Summary`]: figures,
//! judged objectives ([`Verdict`]), a table for people ([`Summary::table`]) and, where asked for,
//! [`RunFiles`]. [`Replications`] does the same over several runs. `docs/reports.md` defines every
//! figure and file.
//!
//! * [`Header`], [`RunDigest`]: the first line of every output.
//! * [`Verdict`]: an objective and how the run did.
//! * [`humanise_duration`], [`humanise_number`]: durations and numbers for people.

mod billed;
mod books;
mod cells;
mod compare;
mod digest;
mod distribution;
mod economics;
mod fan_outs;
mod files;
mod focus;
mod gaps;
mod header;
mod humanise;
mod invoice;
mod layout;
mod objective;
mod picture;
mod pools;
mod recorder;
mod replications;
#[cfg(test)]
mod sample;
mod series;
mod style;
mod summary;
mod sweep;
mod timeline;
mod what_if;

pub use billed::{Billed, ExportError};
pub use cells::MAX_CELLS;
pub use compare::{CompareError, Comparison, MOST_COMPARED};
pub use digest::{Digest, RunDigest};
pub use economics::{EconomicsReport, MarginsReport};
pub use files::{
    FilesError, LeaseReader, Overwrite, ReadError, RunFiles, SCENARIO, STATEMENT, StatementReader,
    TableReader, UsageReader,
};
pub use focus::{FocusVersion, write_focus};
pub use header::Header;
pub use humanise::{duration as humanise_duration, significant as humanise_number};
pub use invoice::{InvoiceFormat, write_invoices};
pub use objective::Verdict;
pub use recorder::{Fault, GeneratorLag, Lateness, Recorder, RecorderConfig, RunEnd};
pub use replications::{MetricSpread, ObjectiveSpread, Replications, ReplicationsSummary, Spread};
pub use series::MAX_INTERVALS;
pub use style::Style;
pub use summary::{
    Amount, ByName, ChargeReport, CovenantReport, FailuresByKind, FanOutReport, Group, KvCache,
    Latencies, Latency, MeterReport, Paging, PoolGroup, Requeue, Run, Scaling, Summary,
    TenantGroup, Traffic,
};
pub use sweep::Sweep;
