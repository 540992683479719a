//! What is known of the requests, kept apart by pool, model, tenant and class.
//!
//! # Mechanism
//!
//! One *cell* of counters and latency distributions per combination that occurs. Every breakdown
//! and every [`Scope`] is a sum of cells, made when it is asked for, so a finished request costs
//! one cell and not one record per breakdown. Cells are found through a table per tenant, indexed
//! by pool, model and class: two loads, no hashing.
//!
//! Five histograms per cell do not stay in the processor's caches when there are many cells. A cell
//! therefore gathers [`GATHERED`] requests and then counts them together, metric by metric.
//!
//! # Edges
//!
//! Memory is bounded: once there are [`MAX_CELLS`], tenants not seen before share the cells of one
//! nameless tenant, and a question about such a tenant alone has no answer. Tenants that will be
//! asked about can be kept out of it ([`Cells::keep`]). Cells are kept in the order in which they
//! were first needed.

use connector::{
    ClassId, CovenantBook, Duration, ErrorKind, Metric, ModelId, Money, Names, Outcome, PoolId,
    Rejection, RequestRecord, Scope, TenantId,
};

use crate::distribution::{Distribution, Merged};

/// Cells from which on unknown tenants are folded into one.
pub const MAX_CELLS: usize = 1_024;

/// Number of kinds of failure, by name.
const KINDS: usize = 12;

/// How many requests ended how, and what they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) completed: u64,
    failed: [u64; KINDS],
    pub(crate) rejected: u64,
    rejected_by: [u64; Rejection::ALL.len()],
    pub(crate) cancelled: u64,
    pub(crate) attempts: u64,
    pub(crate) retried: u64,
    pub(crate) fell_back: u64,
    pub(crate) hedged: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completed_prompt_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost: Money,
    pub(crate) covenants: CovenantBook,
}

impl Counts {
    #[inline]
    pub(crate) fn record(&mut self, record: &RequestRecord) {
        match record.outcome {
            Outcome::Completed => {
                self.completed += 1;
                self.completed_prompt_tokens += u64::from(record.prompt_tokens.get());
            }
            Outcome::Failed(kind) => self.failed[kind_index(kind)] += 1,
            Outcome::Rejected => self.rejected += 1,
            Outcome::Cancelled => self.cancelled += 1,
        }
        if let Some(rejection) = record.rejection {
            self.rejected_by[rejection as usize] += 1;
        }
        self.attempts += u64::from(record.attempts);
        self.retried += u64::from(record.attempts > record.hedges + 1);
        self.fell_back += u64::from(record.fallbacks > 0);
        self.hedged += u64::from(record.hedges > 0);
        self.prompt_tokens += u64::from(record.prompt_tokens.get());
        self.output_tokens += u64::from(record.output_tokens.get());
        self.cost += record.cost;
        self.covenants.record(record.covenant);
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.completed += other.completed;
        for (mine, theirs) in self.failed.iter_mut().zip(other.failed) {
            *mine += theirs;
        }
        self.rejected += other.rejected;
        for (mine, theirs) in self.rejected_by.iter_mut().zip(other.rejected_by) {
            *mine += theirs;
        }
        self.cancelled += other.cancelled;
        self.attempts += other.attempts;
        self.retried += other.retried;
        self.fell_back += other.fell_back;
        self.hedged += other.hedged;
        self.prompt_tokens += other.prompt_tokens;
        self.completed_prompt_tokens += other.completed_prompt_tokens;
        self.output_tokens += other.output_tokens;
        self.cost += other.cost;
        self.covenants.absorb(&other.covenants);
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Failures by kind, only those that occurred, in the order of [`ErrorKind::ALL`].
    pub(crate) fn failed_by_kind(&self) -> Vec<(&'static str, u64)> {
        let mut found: Vec<(&'static str, u64)> = Vec::new();
        for kind in ErrorKind::ALL {
            let times = self.failed[kind_index(kind)];
            if times > 0 && found.last().is_none_or(|(name, _)| *name != kind.name()) {
                found.push((kind.name(), times));
            }
        }
        found
    }

    /// Rejections by the bound that was met, in the order of [`Rejection::ALL`].
    pub(crate) fn rejected_by(&self) -> [(&'static str, u64); Rejection::ALL.len()] {
        Rejection::ALL.map(|one| (one.name(), self.rejected_by[one as usize]))
    }

    pub(crate) fn offered(&self) -> u64 {
        self.completed + self.failed() + self.rejected + self.cancelled
    }

    /// Share of requests that did not complete; `None` without requests.
    pub(crate) fn error_rate(&self) -> Option<f64> {
        let offered = self.offered();
        (offered > 0).then(|| (offered - self.completed) as f64 / offered as f64)
    }
}

fn kind_index(kind: ErrorKind) -> usize {
    match kind {
        ErrorKind::Timeout => 0,
        ErrorKind::Unavailable { reached: _ } => 1,
        ErrorKind::RateLimited { retry_after: _ } => 2,
        ErrorKind::CapacityExhausted => 3,
        ErrorKind::Preempted => 4,
        ErrorKind::PolicyRefused => 5,
        ErrorKind::Unauthorized => 6,
        ErrorKind::NotFound => 7,
        ErrorKind::Conflict => 8,
        ErrorKind::Invalid => 9,
        ErrorKind::Protocol => 10,
        ErrorKind::CreditExhausted => 11,
    }
}

/// Latency metrics: the distributions that a cell keeps.
const LATENCIES: usize = 5;
/// Requests that a cell gathers before it counts them.
const GATHERED: usize = 256;
/// Stands for a latency that a request does not have.
const ABSENT: u64 = u64::MAX;

/// One combination of pool, model, tenant and class.
#[derive(Clone, Debug)]
struct Cell {
    pool: Option<PoolId>,
    model: ModelId,
    /// `None`: the tenants that came too late for cells of their own.
    tenant: Option<TenantId>,
    class: ClassId,
    counts: Counts,
    /// Latencies in nanoseconds that are not in the distributions yet.
    gathered: Vec<[u64; LATENCIES]>,
    distributions: [Distribution; LATENCIES],
}

impl Cell {
    fn new(record: &RequestRecord, tenant: Option<TenantId>) -> Self {
        Self {
            pool: record.pool,
            model: record.model,
            tenant,
            class: record.class,
            counts: Counts::default(),
            gathered: Vec::new(),
            distributions: Default::default(),
        }
    }

    #[inline]
    fn record(&mut self, record: &RequestRecord) {
        self.counts.record(record);
        self.gathered.push(latencies_ns(record));
        if self.gathered.len() >= GATHERED {
            self.count_gathered();
        }
    }

    #[inline(never)]
    fn count_gathered(&mut self) {
        for (metric, distribution) in self.distributions.iter_mut().enumerate() {
            let values = self.gathered.iter().map(|latencies| latencies[metric]);
            values.filter(|&ns| ns != ABSENT).for_each(|ns| distribution.record(ns));
        }
        self.gathered.clear();
    }

    fn is_in(&self, scope: &Scope) -> bool {
        scope.pool.is_none_or(|pool| self.pool == Some(pool))
            && scope.model.is_none_or(|model| self.model == model)
            && scope.tenant.is_none_or(|tenant| self.tenant == Some(tenant))
            && scope.class.is_none_or(|class| self.class == class)
    }
}

/// In the order of [`place`].
#[inline]
fn latencies_ns(record: &RequestRecord) -> [u64; LATENCIES] {
    let ns = |time: Option<Duration>| time.map_or(ABSENT, Duration::as_nanos);
    let completed = matches!(record.outcome, Outcome::Completed);
    let of_completed = |time: Option<Duration>| if completed { ns(time) } else { ABSENT };
    [
        ns(record.allocating),
        of_completed(record.time_to_first_token()),
        of_completed(record.time_per_output_token()),
        of_completed(Some(record.end_to_end())),
        record.queued.as_nanos(),
    ]
}

/// Where a metric's distribution stands; `None` if the metric is not one of requests.
fn place(metric: Metric) -> Option<usize> {
    match metric {
        Metric::AllocationLatency => Some(0),
        Metric::TimeToFirstToken => Some(1),
        Metric::TimePerOutputToken => Some(2),
        Metric::EndToEnd => Some(3),
        Metric::Queueing => Some(4),
        Metric::InterTokenLatency
        | Metric::ErrorRate
        | Metric::GpuUtilization
        | Metric::SlotUtilization
        | Metric::Throughput
        | Metric::OutputTokenThroughput
        | Metric::Cost
        | Metric::CostPerRequest
        | Metric::CostPerMillionTokens
        | Metric::WasteShare
        | Metric::Margin
        | Metric::PeakInFlight
        | Metric::CovenantsKept
        | Metric::CovenantsRenegotiated
        | Metric::CovenantsBroken
        | Metric::FanOut
        | Metric::FanOutKept => None,
    }
}

/// All cells of a run.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    all: Vec<Cell>,
    /// Index of the cell by tenant, then by pool, model and class; [`NO_CELL`] where there is none.
    /// The last row is that of the folded tenants.
    rows: Vec<Row>,
    pools: usize,
    models: usize,
    classes: usize,
    folded_tenants: usize,
    /// Cells from which on unknown tenants are folded.
    limit: usize,
}

#[derive(Clone, Debug)]
enum Row {
    Unseen,
    Own(Box<[u32]>),
    Folded,
}

const NO_CELL: u32 = u32::MAX;

impl Cells {
    pub(crate) fn new(names: &Names, limit: usize) -> Self {
        Self {
            all: Vec::new(),
            rows: vec![Row::Unseen; names.tenants.len() + 1],
            pools: names.pools.len(),
            models: names.models.len(),
            classes: names.classes.len(),
            folded_tenants: 0,
            limit,
        }
    }

    /// Gives a tenant cells of its own, however late it comes.
    ///
    /// # Panics
    /// On an id that has no name.
    pub(crate) fn keep(&mut self, tenant: TenantId) {
        let index = tenant.index();
        assert!(index + 1 < self.rows.len(), "tenant {index} has no name");
        self.rows[index] = self.own_row();
    }

    /// # Panics
    /// On an id that has no name.
    #[inline]
    pub(crate) fn record(&mut self, record: &RequestRecord) {
        let column = self.column(record);
        let tenant = record.tenant.index();
        assert!(tenant + 1 < self.rows.len(), "tenant {tenant} has no name");
        let cell = match &self.rows[tenant] {
            Row::Own(row) if row[column] != NO_CELL => row[column],
            Row::Own(_) | Row::Unseen | Row::Folded => self.open(record, column),
        };
        self.all[cell as usize].record(record);
    }

    #[inline]
    fn column(&self, record: &RequestRecord) -> usize {
        // Place 0 is "no pool was ever asked".
        let pool = record.pool.map_or(0, |pool| pool.index() + 1);
        let (model, class) = (record.model.index(), record.class.index());
        assert!(pool <= self.pools, "pool {} has no name", pool - 1);
        assert!(model < self.models, "model {model} has no name");
        assert!(class < self.classes, "class {class} has no name");
        (pool * self.models + model) * self.classes + class
    }

    #[cold]
    fn open(&mut self, record: &RequestRecord, column: usize) -> u32 {
        let row = self.row_of(record.tenant);
        let folded = row + 1 == self.rows.len();
        if matches!(self.rows[row], Row::Unseen) {
            self.rows[row] = self.own_row();
        }
        let Row::Own(columns) = &mut self.rows[row] else {
            unreachable!("the row of a folded tenant is the last one, which is never folded")
        };
        if columns[column] == NO_CELL {
            columns[column] = self.all.len() as u32;
            self.all.push(Cell::new(record, (!folded).then_some(record.tenant)));
        }
        columns[column]
    }

    fn own_row(&self) -> Row {
        let width = (self.pools + 1) * self.models * self.classes;
        Row::Own(vec![NO_CELL; width].into())
    }

    /// The row that keeps this tenant's cells: its own, or the last one.
    fn row_of(&mut self, tenant: TenantId) -> usize {
        let row = &mut self.rows[tenant.index()];
        if matches!(row, Row::Unseen) && self.all.len() >= self.limit {
            *row = Row::Folded;
            self.folded_tenants += 1;
        }
        if matches!(row, Row::Folded) { self.rows.len() - 1 } else { tenant.index() }
    }

    /// Tenants without cells of their own.
    pub(crate) fn folded_tenants(&self) -> usize {
        self.folded_tenants
    }

    /// Whether nothing is known of this tenant alone.
    pub(crate) fn is_folded(&self, tenant: TenantId) -> bool {
        matches!(self.rows.get(tenant.index()), Some(Row::Folded))
    }

    pub(crate) fn counts(&self, scope: &Scope) -> Counts {
        let mut sum = Counts::default();
        self.within(scope).for_each(|cell| sum.absorb(&cell.counts));
        sum
    }

    /// What the folded tenants did together.
    pub(crate) fn folded(&self) -> Counts {
        let mut sum = Counts::default();
        let folded = self.all.iter().filter(|cell| cell.tenant.is_none());
        folded.for_each(|cell| sum.absorb(&cell.counts));
        sum
    }

    /// The distribution of a metric within a scope; empty for a metric that is not one of requests.
    pub(crate) fn merged(&self, metric: Metric, scope: &Scope) -> Merged {
        let Some(place) = place(metric) else { return Merged::new(0) };
        let distributions = || self.within(scope).map(|cell| &cell.distributions[place]);
        let most_ns = distributions().map(|part| part.moments().most_ns()).max().unwrap_or(0);
        let mut merged = Merged::new(most_ns);
        distributions().for_each(|part| merged.absorb(part));
        let gathered = self.within(scope).flat_map(|cell| &cell.gathered);
        gathered.filter(|of| of[place] != ABSENT).for_each(|of| merged.record(of[place]));
        merged
    }

    fn within(&self, scope: &Scope) -> impl Iterator<Item = &Cell> {
        self.all.iter().filter(|cell| cell.is_in(scope))
    }
}

#[cfg(test)]
mod tests;
