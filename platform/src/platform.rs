mod admit;
mod answer;
mod arrive;
mod books;
mod breaker;
mod classifying;
mod cooldown;
mod deadline;
mod decide;
mod doubt;
mod explain;
mod finish;
mod give_back;
mod hedge;
mod limit;
mod line;
mod negotiate;
mod promise;
mod resend;
mod ride;
mod stock;
mod stream;
mod strike;
mod sweep;
mod wake;
mod warm;

pub(crate) use classifying::Consultation;
pub use classifying::{ClassStatistics, ConsultationStatistics};
use connector::{
    CableId, CovenantBook, Duration, EventKey, ModelId, Money, Operation, Ticket, Timestamp,
};
use slotmap::SlotMap;

use crate::{
    admission::Gate,
    arrivals::Arrivals,
    budget::Budget,
    cable::{Cable, CableStatus},
    config::{
        Abandon, AdmissionConfig, ConfigError, CooldownConfig, Jitter, LeaseConfig, MidStream,
        PlatformConfig, RetryConfig,
    },
    covenant::Covenants,
    ejection::Ejector,
    flight::{Flight, FlightKey},
    hedging::Hedging,
    holding::Holding,
    interface::{Input, Meter, Output, Request},
    lease::{Lease, LeaseKey},
    outputs::Outputs,
    question::{Question, QuestionKey},
    retry::Backoff,
    ride::{Ride, RideKey},
    route::Router,
    timers::Timers,
};

use books::Books;
use stock::Looks;

/// How releases and lists that fail are asked for again: for about six minutes, because a share
/// that is not given back is paid for.
const PERSISTENCE: RetryConfig = RetryConfig {
    max_retries: 20,
    base: Duration::from_millis(100),
    multiplier: 2,
    cap: Duration::from_secs(30),
    jitter: Jitter::Equal,
    budget: None,
    after_timeout: true,
    mid_stream: MidStream::Restart,
};
/// Distinguishes the randomness of releases from that of retries.
const PERSISTENCE_SEED: u64 = 0x6c65_6173_6573;

/// The platform as one state machine: *handle an input at `now`, drain the outputs, ask when to
/// look again*.
///
/// # Contract
///
/// * `now` never goes back between calls.
/// * After every [`handle`](Self::handle), drain [`poll_output`](Self::poll_output) until `None`.
/// * When [`deadline`](Self::deadline) is reached and everything that happened by then was handed
///   over, call `handle` with [`Input::Wake`]. Time-outs fire on wake-ups only, so an answer that
///   comes at the very instant of its time-out is in time. An early wake-up is a no-op.
/// * Requests are numbered in order of arrival, and no two under way have the same number.
/// * Every request is answered by exactly one [`Output::Respond`] and one [`Output::Record`].
///
/// # What it does with a request
///
/// Classify, choose the best candidate (model x pool), wait for a place on its cable, strike
/// (allocate, infer, release, meter), answer. A failure that may pass is retried on the same cable
/// after a pause; otherwise the next candidate within the cost ceiling is tried, then local pools;
/// then the caller gets an error that names every candidate and what became of it. A cable whose
/// breaker is open or whose line is full is passed over at once, and that is not an attempt.
///
/// # What it does with what it holds
///
/// Every share that was ever granted is released, also when it was granted to a request that has
/// given up, or without our knowledge; releases are asked for again until they are confirmed.
#[derive(Debug)]
pub struct Platform {
    covenants: Covenants,
    classifier: classifying::Classifier,
    router: Router,
    cables: Vec<Cable>,
    flights: SlotMap<FlightKey, Flight>,
    arrivals: Arrivals,
    leases: SlotMap<LeaseKey, Lease>,
    /// Shares that several requests are on, or may be.
    rides: SlotMap<RideKey, Ride>,
    questions: SlotMap<QuestionKey, Question>,
    timers: Timers,
    retries: Backoff,
    budget: Option<Budget>,
    hedging: Option<Hedging>,
    /// Pools compared with each other, where that is wanted.
    ejector: Option<Ejector>,
    persistence: Backoff,
    /// How long a provider may ask us to wait before a retry; if longer, the next candidate is
    /// tried instead.
    patience: Duration,
    /// The time that a request has; `None` if it has any.
    total: Option<Duration>,
    cooldown: CooldownConfig,
    mid_stream: MidStream,
    between_tokens: Option<Duration>,
    /// What becomes of running inferences that nobody waits for.
    abandon: Abandon,
    /// Whether an inference that took too long is tried again where it was.
    after_timeout: bool,
    meters: Vec<Meter>,
    /// What leases cost that were at work for nobody.
    overhead: Meter,
    books: Books,
    lease_config: LeaseConfig,
    /// Whether leases outlive their strikes at all.
    keeps_leases: bool,
    looks: Looks,
    sweep_due: Option<EventKey>,
    covenant_books: Vec<CovenantBook>,
    outputs: Outputs,
    draining: bool,
    admission: AdmissionConfig,
    gate: Gate,
    /// How long a share is held for one inference at most.
    longest_inference: Duration,
    /// Stays in lines so far.
    stays: u64,
}

impl Platform {
    /// A platform at rest.
    ///
    /// # Errors
    /// The first thing in `config` that cannot be.
    pub fn new(config: PlatformConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let mut platform = Self {
            classifier: classifying::Classifier::new(&config),
            router: Router::new(&config),
            cables: cables(&config),
            admission: config.admission.clone(),
            gate: Gate::new(&config),
            longest_inference: config.timeouts.inference,
            stays: 0,
            flights: SlotMap::with_key(),
            arrivals: Arrivals::default(),
            leases: SlotMap::with_key(),
            rides: SlotMap::with_key(),
            questions: SlotMap::with_key(),
            timers: Timers::new(&config.timeouts),
            retries: Backoff::new(config.retry, config.seed),
            budget: config.retry.budget.map(Budget::new),
            hedging: Hedging::new(&config),
            ejector: config.ejection.map(|rules| Ejector::new(rules, config.cables.len())),
            persistence: Backoff::new(PERSISTENCE, config.seed ^ PERSISTENCE_SEED),
            patience: config.timeouts.queue.max(config.retry.cap),
            total: config.timeouts.total,
            cooldown: config.cooldown,
            mid_stream: config.retry.mid_stream,
            between_tokens: config.timeouts.between_tokens,
            abandon: config.timeouts.abandon,
            after_timeout: config.retry.after_timeout,
            meters: vec![Meter::default(); config.tenants.len()],
            overhead: Meter::default(),
            books: Books::default(),
            keeps_leases: config.leases.keeps_any(),
            lease_config: config.leases.clone(),
            looks: Looks::default(),
            sweep_due: None,
            covenant_books: vec![CovenantBook::default(); config.tenants.len()],
            outputs: Outputs::new(),
            draining: false,
            covenants: Covenants::new(config),
        };
        platform.open_shelves();
        Ok(platform)
    }

    /// Takes note of something that happened at `now`.
    ///
    /// # Panics
    /// If a request's tenant is not configured: tenants are the driver's to know.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "whoever calls knows the input")]
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Request(request) => self.arrive(now, request),
            Input::Event(cable, event) => self.event(now, cable.index(), event.kind),
            Input::Cancel(request) => self.cancel(now, request),
            Input::CancelAll => self.cancel_all(now),
            Input::Breaker(cable, control) => self.control_breaker(now, cable.index(), control),
            Input::Wake => self.wake(now),
            Input::Drain => self.drain(now),
        }
    }

    /// The next thing to be done, in order.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// When to wake the platform; `None` while it waits for nothing but input.
    #[inline]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.deadline()
    }

    /// Whether all that [`deadline`](Self::deadline) tells of are looks at leases (how many are needed,
    /// which have lain too long, which nobody knows of). They come again and again for as long as leases
    /// are kept, and answer no request: if nothing else is to come, requests that are under way are stuck.
    pub fn only_looks(&self) -> bool {
        let shelves = self.cables.iter().filter(|cable| cable.shelves.watch.is_some()).count();
        let others = [self.looks.due, self.sweep_due].into_iter().flatten().count();
        self.timers.pauses() == shelves + others && !self.timers.awaits_answers()
    }

    /// What each tenant used, in the order of [`TenantId`](connector::TenantId).
    pub fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// What was used by nobody: leases that were kept warm, while they were not at work. Together
    /// with [`meters`](Self::meters) it is all time held.
    pub fn overhead(&self) -> Meter {
        self.overhead
    }

    /// Everything that is held or may be, with what is known of it, in no particular order: what is
    /// left of it after a drain must be told.
    pub fn holdings(&self) -> impl Iterator<Item = Holding> + '_ {
        let unclear = (0..).zip(&self.cables).flat_map(|(cable, line)| {
            let cable = CableId(cable);
            let listed = line.reconciler.suspects();
            let listed = listed.map(move |(share, since)| Holding::listed(cable, share, since));
            listed.chain(line.doubted.map(|since| Holding::in_doubt(cable, since)))
        });
        let shares = self.leases.iter().filter(|(key, lease)| self.stands_for_share(*key, lease));
        shares.map(|(_, lease)| Holding::of(lease)).chain(unclear)
    }

    /// What became of each tenant's covenants, in the order of [`TenantId`](connector::TenantId).
    pub fn covenants(&self) -> &[CovenantBook] {
        &self.covenant_books
    }

    /// What the provider may charge for a request at most, by its covenant; `None` where nothing limits
    /// it.
    pub fn cost_ceiling(&self, request: &Request) -> Option<Money> {
        self.covenants.of(request).cost_ceiling()
    }

    /// Requests not answered yet.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Shares that the platform holds or may hold: asked for and not answered, granted, release
    /// not confirmed (however often it was asked for), and one for every cable on which a doubt is
    /// being cleared. Zero after a drain means that nothing was leaked.
    pub fn held(&self) -> usize {
        let in_doubt = self.cables.iter().filter(|cable| cable.reconciler.busy()).count();
        self.leases.len() - self.seats_beside() + in_doubt
    }

    /// How long a strike for this model may take on this cable now before it is hedged; `None` if
    /// nothing is hedged, or not enough is known yet.
    pub fn hedge_after(&self, cable: CableId, model: ModelId) -> Option<Duration> {
        self.hedging.as_ref()?.patience(cable, model)
    }

    /// The state of every cable, in the order of [`CableId`].
    pub fn cables(&self) -> impl Iterator<Item = CableStatus> + '_ {
        self.cables.iter().map(Cable::status)
    }

    /// Times that a pool was left out because it did worse than its peers.
    pub fn ejections(&self) -> u64 {
        self.ejector.as_ref().map_or(0, Ejector::ejections)
    }

    /// The state of one cable.
    ///
    /// # Panics
    /// If there is no such cable.
    pub fn cable(&self, cable: CableId) -> CableStatus {
        self.cables[cable.index()].status()
    }

    /// Opens a question and hands its operation over.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "building the operation in place saves 6 % of a request"
    )]
    fn ask(&mut self, cable: usize, question: Question, operation: Operation) -> QuestionKey {
        let key = self.questions.insert(question);
        self.submit(cable, key.ticket(), operation);
        key
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn submit(&mut self, cable: usize, ticket: Ticket, operation: Operation) {
        let cable = CableId(cable as u32);
        self.outputs.push(Output::Submit { cable, ticket, operation });
    }
}

fn cables(config: &PlatformConfig) -> Vec<Cable> {
    let weights: Vec<u32> = config.tenants.iter().map(|tenant| config.weight(tenant)).collect();
    let shed = &config.admission.shed;
    config.cables.iter().map(|cable| Cable::new(cable, &weights, shed)).collect()
}
