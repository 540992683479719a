//! What must hold after every input, by a book of our own beside the platform's.

use std::collections::{BTreeMap, VecDeque};

use connector::{
    BasisPoints, CableId, Duration, ErrorKind, Event, EventKind, Money, OperationKind, Outcome,
    Rejection, Reply, RequestRecord, Timestamp,
};
use platform::{
    CableStatus, Input, Output, Platform, PlatformConfig, Request, Response,
    config::{BudgetConfig, QuotaConfig},
};
use proptest::{prelude::*, test_runner::TestCaseResult};

use super::{breaker::Cable, far_end::FarEnd};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// One request of a rate, or one retry of a budget, in the unit that is counted.
const TOKEN: u128 = 1_000_000_000;
/// Inputs between two moments from which retries are counted, and how many such moments are kept.
const EPOCH: u64 = 64;
const EPOCHS: usize = 16;

pub(super) struct Promises {
    config: PlatformConfig,
    /// Requests that are not answered yet.
    under_way: BTreeMap<u64, Request>,
    draining: bool,
    pub(super) records: Vec<RequestRecord>,
    arrived: u64,
    tenants: Vec<Tenant>,
    cables: Vec<Cable>,
    epochs: VecDeque<Epoch>,
    inputs: u64,
}

/// What the platform said of itself before an input.
pub(super) struct Before {
    cables: Vec<CableStatus>,
    in_flight: usize,
    /// Shares that it holds or has seen in lists.
    shares: usize,
    deadline: Option<Timestamp>,
}

impl Before {
    pub(super) fn of(platform: &Platform) -> Self {
        Self {
            cables: platform.cables().collect(),
            in_flight: platform.in_flight(),
            shares: platform.holdings().count().max(platform.held()),
            deadline: platform.deadline(),
        }
    }
}

/// What kind of input there was; the input itself is the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Request(u64),
    /// With so many rows, if it is a list.
    Event {
        rows: usize,
    },
    Cancel,
    Control(CableId),
    Wake,
    Drain,
}

impl Said {
    pub(super) fn of(input: &Input) -> Self {
        match input {
            Input::Request(request) => Self::Request(request.id.0),
            Input::Event(_, event) => Self::Event { rows: rows_of(event) },
            Input::Cancel(_) | Input::CancelAll => Self::Cancel,
            Input::Breaker(cable, _) => Self::Control(*cable),
            Input::Wake => Self::Wake,
            Input::Drain => Self::Drain,
        }
    }
}

/// Rows of a list that came.
fn rows_of(event: &Event) -> usize {
    match &event.kind {
        EventKind::Completed { result: Ok(Reply::Listed(rows)), .. } => rows.len(),
        _ => 0,
    }
}

impl Promises {
    pub(super) fn new(config: &PlatformConfig) -> Self {
        let quota = |tenant: &platform::config::TenantConfig| {
            let tier = tenant.tier.map(|tier| config.tiers[tier.index()].quota);
            Tenant::new(tenant.quota.or(tier.unwrap_or_default()))
        };
        Self {
            config: config.clone(),
            under_way: BTreeMap::new(),
            draining: false,
            records: Vec::new(),
            arrived: 0,
            tenants: config.tenants.iter().map(quota).collect(),
            cables: config.cables.iter().map(|_| Cable::default()).collect(),
            epochs: VecDeque::new(),
            inputs: 0,
        }
    }

    pub(super) fn arrives(&mut self, request: &Request) {
        self.arrived += 1;
        self.under_way.insert(request.id.0, request.clone());
    }

    /// After an input.
    pub(super) fn check(
        &mut self,
        now: Timestamp,
        said: Said,
        before: &Before,
        outputs: &[Output],
        (platform, far_end): (&Platform, &FarEnd),
    ) -> TestCaseResult {
        self.draining |= said == Said::Drain;
        let records = self.answered_once(now, outputs)?;
        prop_assert_eq!(self.under_way.len(), platform.in_flight());
        self.within_quotas(now, said, &records)?;
        self.moves_on(now, said, before, outputs.len(), platform)?;
        for index in 0..self.cables.len() {
            let after = platform.cable(CableId(index as u32));
            let cable = &mut self.cables[index];
            cable.check(now, said, index, (&before.cables[index], &after), &self.config)?;
            all_accounted_for(&after, CableId(index as u32), far_end)?;
        }
        self.within_budget(now, platform)?;
        self.records.extend(records);
        Ok(())
    }

    /// Every answer is to a request that has none, and has its record right behind it.
    fn answered_once(
        &mut self,
        now: Timestamp,
        outputs: &[Output],
    ) -> Result<Vec<RequestRecord>, TestCaseError> {
        let mut records = Vec::new();
        let mut response: Option<&Response> = None;
        for output in outputs {
            match output {
                Output::Respond(next) => {
                    prop_assert!(response.is_none(), "an answer without a record");
                    response = Some(next);
                }
                Output::Record(record) => {
                    let Some(response) = response.take() else {
                        return Err(TestCaseError::fail(format!("no answer before {record:?}")));
                    };
                    let request = self.under_way.remove(&record.request.0);
                    let Some(request) = request else {
                        return Err(TestCaseError::fail(format!("answered again: {record:?}")));
                    };
                    prop_assert_eq!(record.request, response.request);
                    prop_assert_eq!(record.outcome, response.outcome);
                    prop_assert_eq!(record.tenant, request.tenant);
                    prop_assert_eq!(
                        response.reason.is_none(),
                        record.outcome == Outcome::Completed
                    );
                    prop_assert!(record.finished == now && record.arrived <= now);
                    records.push(*record);
                }
                Output::Submit { .. } | Output::Usage(_) | Output::Lease(_) => {
                    prop_assert!(response.is_none());
                }
            }
        }
        prop_assert!(response.is_none(), "an answer without a record");
        Ok(records)
    }

    /// Requests are let in within the quotas only, and what they used stays within them.
    fn within_quotas(
        &mut self,
        now: Timestamp,
        said: Said,
        records: &[RequestRecord],
    ) -> TestCaseResult {
        let cheapest = self.config.cables.iter().map(|cable| cable.price_per_slot_hour).min();
        let strike = cheapest.unwrap_or_default().per_hour_over(self.config.timeouts.inference);
        if let Said::Request(id) = said {
            let record = records.iter().find(|record| record.request.0 == id);
            let request = self.under_way.get(&id);
            let (tenant, tokens) = match (request, record) {
                (Some(one), _) => (one.tenant, [one.prompt_tokens, one.output_tokens]),
                // It ended at once: what it used is settled below.
                (None, Some(one)) => (one.tenant, [one.prompt_tokens, one.output_tokens]),
                (None, None) => return Err(TestCaseError::fail("a request is lost")),
            };
            let tokens = tokens.iter().map(|tokens| u64::from(tokens.get())).sum();
            match record.and_then(refused_by) {
                Some(quota) => self.tenants[tenant.index()].assert_refused(now, quota)?,
                None if self.draining || record.is_some_and(is_invalid) => {}
                None => self.tenants[tenant.index()].admit(now, id, tokens, strike)?,
            }
        }
        for record in records {
            self.tenants[record.tenant.index()].settle(record)?;
        }
        self.tenants.iter().try_for_each(|tenant| tenant.check(now, strike))
    }

    /// Nothing is due that a wake-up does not do, early wake-ups do nothing, and no input is answered
    /// with more than everything there is.
    fn moves_on(
        &self,
        now: Timestamp,
        said: Said,
        before: &Before,
        outputs: usize,
        platform: &Platform,
    ) -> TestCaseResult {
        let due = platform.deadline();
        if said == Said::Wake {
            prop_assert!(due.is_none_or(|due| due > now), "due at {:?}, woken at {now:?}", due);
            let is_early = before.deadline.is_none_or(|due| due > now);
            prop_assert!(!is_early || outputs == 0, "{outputs} outputs of an early wake-up");
        }
        let warm = self.config.leases.max_warm as usize * self.config.cables.len();
        // Shares that nobody here asked for may be given back as soon as a list shows them.
        let listed = if let Said::Event { rows } = said { rows } else { 0 };
        let most = 20 + 6 * (before.in_flight + before.shares + listed + 8 * warm);
        prop_assert!(outputs <= most, "{outputs} outputs of {said:?} where {most} are plenty");
        Ok(())
    }

    /// In any stretch of time no more is sent again than was saved up, and the share of what arrives,
    /// and the rate. What was paid for and not sent when the stretch began comes on top.
    fn within_budget(&mut self, now: Timestamp, platform: &Platform) -> TestCaseResult {
        let Some(budget) = self.config.retry.budget else {
            return Ok(());
        };
        let again = platform.cables().map(|cable| cable.statistics);
        let again = again.map(|all| all.retries + all.hedges).sum();
        let in_flight = platform.in_flight() as u64;
        let present = Epoch { now, again, arrived: self.arrived, in_flight };
        if self.inputs.is_multiple_of(EPOCH) {
            if self.epochs.len() == EPOCHS {
                self.epochs.remove(1);
            }
            // The first is the beginning.
            let first = Epoch { now: Timestamp::ZERO, again: 0, arrived: 0, in_flight: 0 };
            self.epochs.push_back(if self.epochs.is_empty() { first } else { present });
        }
        self.inputs += 1;
        for since in &self.epochs {
            let sent = u128::from(present.again - since.again);
            let most = since.most(&budget, &present);
            prop_assert!(sent * TOKEN <= most, "{sent} sent again since {:?}", since.now);
        }
        Ok(())
    }

    /// At the end: every strike beyond the first of a request was paid for, or followed a failure
    /// that took no work.
    pub(super) fn assert_all_paid(&self, far_end: &FarEnd) -> TestCaseResult {
        let Some(budget) = self.config.retry.budget else {
            return Ok(());
        };
        let struck = self.records.iter().filter(|record| record.attempts > 0);
        let first = struck.clone().count() as u64;
        let strikes: u64 = struck.map(|record| u64::from(record.attempts)).sum();
        let paid = (strikes - first).saturating_sub(far_end.cheap_failures);
        let finished = self.records.iter().map(|record| record.finished).max();
        let end =
            Epoch { now: finished.unwrap_or_default(), again: 0, arrived: first, in_flight: 0 };
        let start = Epoch { now: Timestamp::ZERO, again: 0, arrived: 0, in_flight: 0 };
        prop_assert!(u128::from(paid) * TOKEN <= start.most(&budget, &end), "{paid} paid for");
        Ok(())
    }

    pub(super) fn assert_none_left(&self) -> TestCaseResult {
        prop_assert!(self.under_way.is_empty(), "not answered: {:?}", self.under_way.keys());
        prop_assert_eq!(self.records.len() as u64, self.arrived);
        Ok(())
    }
}

/// A moment from which on retries are counted.
#[derive(Clone, Copy)]
struct Epoch {
    now: Timestamp,
    again: u64,
    arrived: u64,
    in_flight: u64,
}

impl Epoch {
    fn most(&self, budget: &BudgetConfig, until: &Self) -> u128 {
        let tries = u128::from(until.arrived - self.arrived + self.in_flight);
        let share = u128::from(budget.share.get()) * TOKEN / u128::from(BasisPoints::ONE.get());
        let passed = u128::from(until.now.since(self.now).as_nanos());
        (u128::from(budget.burst) + u128::from(self.in_flight)) * TOKEN
            + share * tries
            + u128::from(budget.per_second) * passed
    }
}

fn refused_by(record: &RequestRecord) -> Option<Rejection> {
    let quotas = [
        Rejection::RequestQuota,
        Rejection::TokenQuota,
        Rejection::ConcurrencyQuota,
        Rejection::SpendQuota,
    ];
    record.rejection.filter(|why| record.attempts == 0 && quotas.contains(why))
}

fn is_invalid(record: &RequestRecord) -> bool {
    record.outcome == Outcome::Failed(ErrorKind::Invalid) && record.attempts == 0
}

/// Every share that was asked for is a strike's, a consultation's, a stale one's successor or stock.
fn all_accounted_for(status: &CableStatus, cable: CableId, far_end: &FarEnd) -> TestCaseResult {
    let all = &status.statistics;
    let wanted = all.strikes + all.consultations + all.stale + all.stocked;
    let asked = far_end.asked(cable, OperationKind::Allocate);
    prop_assert_eq!(asked + all.warm_strikes, wanted);
    Ok(())
}

/// What one tenant used, request by request.
struct Tenant {
    quota: QuotaConfig,
    /// Level of the token bucket, and when that was.
    level: (u128, Timestamp),
    /// By request, in order of arrival; what is older than a day is forgotten.
    used: BTreeMap<u64, Used>,
    under_way: u32,
}

struct Used {
    at: Timestamp,
    tokens: u64,
    /// `None` while it is under way.
    cost: Option<Money>,
}

impl Tenant {
    fn new(quota: QuotaConfig) -> Self {
        let full = quota.requests.map_or(0, |rate| u128::from(rate.burst) * TOKEN);
        Self { quota, level: (full, Timestamp::ZERO), used: BTreeMap::new(), under_way: 0 }
    }

    fn level(&self, now: Timestamp) -> u128 {
        let Some(rate) = self.quota.requests else { return 0 };
        let (level, at) = self.level;
        let flown = u128::from(now.since(at).as_nanos()) * u128::from(rate.per_second);
        (level + flown).min(u128::from(rate.burst) * TOKEN)
    }

    fn admit(&mut self, now: Timestamp, id: u64, tokens: u64, strike: Money) -> TestCaseResult {
        self.under_way += 1;
        if self.quota.requests.is_some() {
            let level = self.level(now);
            prop_assert!(level >= TOKEN, "above the requests per second");
            self.level = (level - TOKEN, now);
        }
        self.used.retain(|_, used| used.cost.is_none() || now.since(used.at) < DAY);
        self.used.insert(id, Used { at: now, tokens, cost: None });
        self.check(now, strike)
    }

    /// Whoever is refused would have been above its quota.
    fn assert_refused(&self, now: Timestamp, quota: Rejection) -> TestCaseResult {
        match quota {
            Rejection::RequestQuota => prop_assert!(self.level(now) < TOKEN),
            Rejection::ConcurrencyQuota => {
                prop_assert_eq!(Some(self.under_way), self.quota.concurrent);
            }
            Rejection::TokenQuota => prop_assert!(self.quota.tokens_per_minute.is_some()),
            _ => prop_assert!(self.quota.spend_per_day.is_some()),
        }
        Ok(())
    }

    fn settle(&mut self, record: &RequestRecord) -> TestCaseResult {
        let Some(used) = self.used.get_mut(&record.request.0) else {
            return Ok(());
        };
        prop_assert_eq!(used.cost, None, "settled twice");
        used.cost = Some(record.cost);
        let made = u64::from(record.prompt_tokens.get()) + u64::from(record.output_tokens.get());
        used.tokens = if record.attempts > 0 { made } else { 0 };
        self.under_way -= 1;
        Ok(())
    }

    /// `strike` is the least that one strike reserves.
    fn check(&self, now: Timestamp, strike: Money) -> TestCaseResult {
        let QuotaConfig { tokens_per_minute, concurrent, spend_per_day, .. } = self.quota;
        prop_assert!(concurrent.is_none_or(|most| self.under_way <= most), "too many at once");
        if let Some(most) = tokens_per_minute {
            let recent = self.used.values().filter(|used| now.since(used.at) < MINUTE);
            let tokens: u64 = recent.map(|used| used.tokens).sum();
            prop_assert!(tokens <= most, "{tokens} of {most} tokens in a minute");
        }
        if let Some(most) = spend_per_day {
            let recent = self.used.values().filter(|used| now.since(used.at) < DAY);
            let spent: Money = recent.map(|used| used.cost.unwrap_or(strike)).sum();
            prop_assert!(spent <= most, "{spent} of {most} in a day");
        }
        Ok(())
    }
}
