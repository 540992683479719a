//! Takes everything that a run reports, as it happens, and condenses it.

use connector::{
    Duration, Money, Names, Objective, PoolGauge, PoolKind, ProviderUsage, RequestRecord,
    StatementLine, TenantId, Timestamp, TokenGaps,
};
use platform::{
    CableStatus, Meter,
    billing::{BillingConfig, LeaseRecord, UsageRecord},
};

use crate::{
    Digest, FilesError, Header, RunFiles, Summary,
    books::Books,
    cells::{Cells, Counts, MAX_CELLS},
    fan_outs::FanOuts,
    gaps::Gaps,
    pools::Pools,
    series::Series,
    summary::Measured,
    timeline::Timeline,
};

/// What a recorder is told before a run.
#[derive(Debug)]
pub struct RecorderConfig {
    /// What the outputs begin with; the recorder fills in digest and partial.
    pub header: Header,
    /// Length of an interval of the time series; zero reads as one second. It doubles whenever a
    /// run outgrows [`MAX_INTERVALS`](crate::MAX_INTERVALS).
    pub interval: Duration,
    /// Requests that arrive earlier than this are counted apart and left out of all statistics.
    /// Zero: no warm-up.
    pub warm_up: Duration,
    /// How the pools are sold, by [`PoolId`](connector::PoolId), for the table of pools; may be
    /// shorter than the list of pools.
    pub pool_kinds: Vec<PoolKind>,
    /// What a card of each pool costs for an hour, by [`PoolId`](connector::PoolId), for pools that
    /// scale; `None` where it is not stated. May be shorter than the list of pools.
    pub card_prices: Vec<Option<Money>>,
    /// What the platform believes that a share costs for an hour, by [`PoolId`](connector::PoolId); pools
    /// beyond the list are free.
    pub slot_prices: Vec<Money>,
    /// What tenants pay; `None`: nobody said, and there are no margins.
    pub billing: Option<BillingConfig>,
    /// Tenants with figures of their own even if they come after there are [`MAX_CELLS`] cells:
    /// those that objectives ask about.
    pub kept_tenants: Vec<TenantId>,
    /// The names of the cables, in the order of [`CableId`](connector::CableId), for the picture; may
    /// be shorter.
    pub cables: Vec<String>,
    /// What goes wrong on a schedule, for the picture.
    pub faults: Vec<Fault>,
    /// Where to write; `None`: no files.
    pub files: Option<RunFiles>,
}

/// Something that goes wrong on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What, in a few words.
    pub name: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
}

/// What a recorder is told at the end of a run.
#[derive(Clone, Debug, Default)]
pub struct RunEnd {
    /// When the run ended; measured time lasts from the end of the warm-up until then.
    pub ended: Timestamp,
    /// Whether it was cut off before its end.
    pub partial: bool,
    /// The limit that ended it, for people; `None` without one.
    pub stopped: Option<String>,
    /// Requests that were in flight at the end and never got a record.
    pub unfinished: u64,
    /// What each tenant used, by [`TenantId`](connector::TenantId), warm-up included; may be empty.
    pub meters: Vec<Meter>,
    /// What leases cost that lay warm and worked for no tenant, warm-up included.
    pub overhead: Meter,
    /// How late a generator of live traffic was; `None` in virtual time.
    pub lag: Option<GeneratorLag>,
    /// How long the run took on the clock on the wall. Only for
    /// [`Summary::speed`](crate::Summary::speed): it never reaches a file, so that files are the
    /// same, byte for byte, for the same seed.
    pub wall: Option<std::time::Duration>,
    /// Objectives to judge.
    pub objectives: Vec<Objective>,
}

/// How late something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Mean.
    pub mean: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Greatest.
    pub max: Duration,
}

/// How late a generator of live traffic sent its requests, against their schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GeneratorLag {
    /// How late requests were handed to the platform, against their schedule.
    pub schedule: Lateness,
    /// How long operations took from there to the HTTP client.
    pub way_out: Lateness,
    /// Requests that were not sent at all because too many were in flight.
    pub dropped: u64,
    /// Whether the figures say more about the generator than about what it measured.
    pub limited: bool,
}

/// Takes everything that a run reports, as it happens, and condenses it.
///
/// Memory does not grow with the number of requests: see [`MAX_INTERVALS`](crate::MAX_INTERVALS)
/// and [`MAX_CELLS`]; records of use are added up by tenant, model, pool and what came of it.
#[derive(Debug)]
pub struct Recorder {
    names: Names,
    config: RecorderConfig,
    warm_up_ends: Timestamp,
    digest: Digest,
    warm_up: Counts,
    cells: Cells,
    gaps: Gaps,
    fan_outs: FanOuts,
    pools: Pools,
    series: Series,
    books: Books,
    usage: Vec<ProviderUsage>,
    peak_in_flight: Option<u64>,
    finished: u64,
}

impl Recorder {
    /// A recorder of a run in which nothing has happened yet.
    ///
    /// # Panics
    /// On a kept tenant that has no name in [`Names`].
    pub fn new(names: Names, mut config: RecorderConfig) -> Self {
        let warm_up_ends = Timestamp::ZERO + config.warm_up;
        let mut cells = Cells::new(&names, MAX_CELLS);
        config.kept_tenants.iter().for_each(|&tenant| cells.keep(tenant));
        let slot_prices = std::mem::take(&mut config.slot_prices);
        Self {
            warm_up_ends,
            books: Books::new(slot_prices, config.billing.take()),
            digest: Digest::new(),
            warm_up: Counts::default(),
            cells,
            gaps: Gaps::new(&names),
            fan_outs: FanOuts::new(),
            pools: Pools::new(names.pools.len(), warm_up_ends),
            series: Series::new(config.interval, names.pools.len()),
            usage: Vec::new(),
            peak_in_flight: None,
            finished: 0,
            names,
            config,
        }
    }

    /// A request finished, in whatever way.
    ///
    /// # Panics
    /// On an id that has no name in [`Names`].
    pub fn record(&mut self, record: &RequestRecord) {
        self.finished += 1;
        self.digest.record(record);
        self.series.record(record);
        let warming_up = record.arrived < self.warm_up_ends;
        if warming_up {
            self.warm_up.record(record);
        } else {
            self.cells.record(record);
            self.fan_outs.record(record);
        }
        if let Some(files) = &mut self.config.files {
            files.request(&self.names, record, warming_up);
        }
    }

    /// What an attempt used, or a share that was at work for nobody; each record is told once. No part
    /// of the digest, because it follows from what was told besides.
    ///
    /// # Panics
    /// On an id that has no name in [`Names`], if there are files.
    pub fn usage(&mut self, record: &UsageRecord) {
        self.books.usage(record);
        if let Some(files) = &mut self.config.files {
            files.usage(&self.names, record);
        }
    }

    /// A pool was looked at. Gauges come in order of time; one at the end of the warm-up and one at
    /// the end of the run make utilisation exact for the time between.
    ///
    /// # Panics
    /// On a pool that has no name in [`Names`].
    pub fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        self.digest.gauge(at, gauge);
        self.pools.gauge(at, gauge);
        self.series.gauge(at, gauge);
    }

    /// All cables were looked at, in the order of [`CableId`](connector::CableId). No part of the
    /// digest: what matters of it shows in the records.
    pub fn look(&mut self, at: Timestamp, cables: impl Iterator<Item = CableStatus>) {
        self.series.look(at, cables);
    }

    /// Times between tokens were handed out; at the end of the warm-up, those up to then, which are
    /// left out of all statistics, and at the end of the run.
    ///
    /// # Panics
    /// On a pool or a model that has no name in [`Names`].
    pub fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        self.digest.token_gaps(at, gaps);
        if at > self.warm_up_ends {
            self.gaps.record(gaps);
        }
    }

    /// A share that was given back. It goes to the files; no part of the digest.
    pub fn lease(&mut self, lease: &LeaseRecord) {
        if let Some(files) = &mut self.config.files {
            files.lease(&self.names, lease);
        }
    }

    /// A line of the provider's statement. It goes to the files; no part of the digest.
    pub fn statement(&mut self, line: &StatementLine) {
        if let Some(files) = &mut self.config.files {
            files.statement(&self.names, line);
        }
    }

    /// Whether lines of the provider's statement go into a file.
    pub fn writes_statement(&self) -> bool {
        self.config.files.as_ref().is_some_and(RunFiles::has_statement)
    }

    /// What the provider will charge one tenant for in one pool; told once, at the end of the run.
    /// No part of the digest: it follows from what was told before, and from prices.
    pub fn provider_usage(&mut self, usage: &ProviderUsage) {
        self.usage.push(*usage);
    }

    /// How many requests are in flight from now on; told whenever it rises, the peak is exact.
    pub fn in_flight(&mut self, at: Timestamp, requests: u64) {
        if at >= self.warm_up_ends {
            self.peak_in_flight = self.peak_in_flight.max(Some(requests));
        }
        self.series.in_flight(at, requests);
    }

    /// Requests recorded so far, warm-up included.
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// Hash of everything told so far.
    pub fn digest(&self) -> crate::RunDigest {
        self.digest.digest()
    }

    /// Condenses the run, judges it, and completes the files.
    ///
    /// A full disk does not cost the summary: it is always made, and what went wrong with the files
    /// comes beside it.
    pub fn finish(self, end: RunEnd) -> (Summary, Result<(), FilesError>) {
        let header = Header {
            digest: Some(self.digest.digest()),
            partial: end.partial,
            ..self.config.header
        };
        let economics = self.books.report(&self.names);
        let measured = Measured {
            names: self.names,
            pool_kinds: self.config.pool_kinds,
            card_prices: self.config.card_prices,
            economics,
            cells: self.cells,
            gaps: self.gaps,
            fan_outs: self.fan_outs,
            pools: self.pools,
            usage: self.usage,
            time: end.ended.since(self.warm_up_ends),
            peak_in_flight: self.peak_in_flight,
        };
        let warm_up = self.config.warm_up;
        let summary = Summary::new(header, measured, warm_up, &self.warm_up, end);
        let timeline = Timeline {
            header: &summary.header,
            series: &self.series,
            pools: summary.pool_names(),
            cables: &self.config.cables,
            faults: &self.config.faults,
            warm_up,
        };
        let written = match self.config.files {
            Some(files) => files.finish(&summary, &timeline),
            None => Ok(()),
        };
        (summary, written)
    }
}

#[cfg(test)]
mod covenants;
#[cfg(test)]
mod tests;
