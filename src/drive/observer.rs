use connector::{PoolGauge, ProviderUsage, RequestRecord, StatementLine, Timestamp, TokenGaps};
use platform::{
    Platform, Request,
    billing::{LeaseRecord, UsageRecord},
};

/// What a driver reports to while it runs. Whatever an observer does not ask about does not matter to
/// it. Two observers of one run are a pair, of which both are told everything.
pub trait Observer {
    /// Whether [`usage`](Self::usage) and [`lease`](Self::lease) are to be told; making these records
    /// costs a run something.
    fn reads_books(&self) -> bool {
        false
    }

    /// Whether [`statement`](Self::statement) is to be told; a simulated provider has to keep it.
    fn reads_statement(&self) -> bool {
        false
    }

    /// A request is about to be handed to the platform.
    fn arriving(&mut self, now: Timestamp, platform: &Platform, request: &Request) {
        let _ = (now, platform, request);
    }

    /// A request is finished.
    fn record(&mut self, record: &RequestRecord) {
        let _ = record;
    }

    /// What an attempt used, or a share that was at work for nobody.
    fn usage(&mut self, record: &UsageRecord) {
        let _ = record;
    }

    /// A share was given back.
    fn lease(&mut self, record: &LeaseRecord) {
        let _ = record;
    }

    /// A share's charge by the provider is complete, or is what it is at the end of the run.
    fn statement(&mut self, line: &StatementLine) {
        let _ = line;
    }

    /// The state of a pool.
    fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        let _ = (at, gauge);
    }

    /// Times between tokens that came to an end since they were told last: told at the end of the
    /// warm-up and at the end of the run.
    fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        let _ = (at, gaps);
    }

    /// What the provider will charge for, told at the end of the run.
    fn provider_usage(&mut self, usage: &ProviderUsage) {
        let _ = usage;
    }

    /// This many requests are in flight; told whenever one arrives and with every look at the
    /// pools.
    fn in_flight(&mut self, at: Timestamp, requests: usize) {
        let _ = (at, requests);
    }

    /// The platform, told with every look at the pools.
    fn look(&mut self, at: Timestamp, platform: &Platform) {
        let _ = (at, platform);
    }
}

/// Nobody looks.
impl Observer for () {}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn reads_books(&self) -> bool {
        self.0.reads_books() || self.1.reads_books()
    }

    fn reads_statement(&self) -> bool {
        self.0.reads_statement() || self.1.reads_statement()
    }

    fn arriving(&mut self, now: Timestamp, platform: &Platform, request: &Request) {
        self.0.arriving(now, platform, request);
        self.1.arriving(now, platform, request);
    }

    fn record(&mut self, record: &RequestRecord) {
        self.0.record(record);
        self.1.record(record);
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.0.usage(record);
        self.1.usage(record);
    }

    fn lease(&mut self, record: &LeaseRecord) {
        self.0.lease(record);
        self.1.lease(record);
    }

    fn statement(&mut self, line: &StatementLine) {
        self.0.statement(line);
        self.1.statement(line);
    }

    fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        self.0.gauge(at, gauge);
        self.1.gauge(at, gauge);
    }

    fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        self.0.token_gaps(at, gaps);
        self.1.token_gaps(at, gaps);
    }

    fn provider_usage(&mut self, usage: &ProviderUsage) {
        self.0.provider_usage(usage);
        self.1.provider_usage(usage);
    }

    fn in_flight(&mut self, at: Timestamp, requests: usize) {
        self.0.in_flight(at, requests);
        self.1.in_flight(at, requests);
    }

    fn look(&mut self, at: Timestamp, platform: &Platform) {
        self.0.look(at, platform);
        self.1.look(at, platform);
    }
}
