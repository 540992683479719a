//! A run in which nothing is going to happen any more is told, also where leases are looked at for ever.

use std::{collections::VecDeque, path::Path};

use connector::{
    AllocationId, Connector, Content, Duration, Event, EventKind, Operation, PoolGauge, PoolId,
    Reply, RequestId, TenantId, Ticket, Timestamp, Tokens,
};
use harpoon::drive::{Lines, RunError, Sampling, Session, Watch, virtual_time};
use platform::{
    Platform, PlatformConfig, Request,
    config::{Candidate, MinWarm},
};

use crate::binary::SMALL;

/// Asked more often than any run needs in which nothing happens: looking for ever is a failure.
const POLLS_MAX: u32 = 10_000;

#[test]
fn requests_that_nobody_will_answer_are_stuck_although_leases_are_looked_at() {
    for min_warm in [0, 2] {
        match run(min_warm, false) {
            Err(RunError::Stuck { in_flight, .. }) => assert_eq!(in_flight, 1),
            other => panic!("{other:?} with {min_warm} leases held"),
        }
    }
}

#[test]
fn a_run_whose_requests_are_answered_ends_although_leases_are_looked_at() {
    let ended = run(2, true).expect("it ends");
    assert_eq!((ended.partial, ended.unreleased), (false, 0));
}

fn run(min_warm: u32, answers: bool) -> Result<harpoon::drive::Ended, RunError> {
    let platform = Platform::new(config(min_warm)).expect("a valid configuration");
    // Two minutes later than the leases, so that they are looked at meanwhile.
    let arrivals = std::iter::once(Ok(request(Duration::from_secs(120))));
    let sampling = Sampling::new(Duration::from_secs(60), Timestamp::ZERO);
    let mut session = Session::new(arrivals, platform, (), sampling).expect("traffic");
    let mut lines = Lines::single(Provider { answers, ..Provider::default() });
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO)
}

/// Inferences are waited for without end.
fn config(min_warm: u32) -> PlatformConfig {
    let scenario = scenarios::parse("small.yaml", SMALL, Path::new(""), &[]);
    let mut config = scenario.unwrap_or_else(|errors| panic!("{errors}")).platform;
    config.timeouts.inference = Duration::MAX;
    if min_warm > 0 {
        let of = Candidate { model: connector::ModelId(0), pool: PoolId(0) };
        config.leases.min_warm = vec![MinWarm { of, leases: min_warm }];
    }
    config
}

fn request(after: Duration) -> Request {
    Request {
        id: RequestId(0),
        tenant: TenantId(0),
        arrived: Timestamp::ZERO + after,
        prompt_tokens: Tokens::new(10),
        output_tokens: Tokens::new(10),
        content: Content::Unknown,
        class: None,
        model: None,
        patience: None,
        terms: None,
        fan_out: None,
    }
}

/// Grants and takes back at once, and answers inferences or says nothing to them for ever.
#[derive(Debug, Default)]
struct Provider {
    answers: bool,
    granted: u64,
    said: VecDeque<Event>,
    polls: u32,
}

impl Connector for Provider {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        let reply = match operation {
            Operation::Allocate(_) => {
                self.granted += 1;
                Reply::Granted { allocation: AllocationId(self.granted) }
            }
            Operation::Infer(_) if self.answers => {
                Reply::Generated { usage: connector::Usage::default(), text: None }
            }
            Operation::Infer(_) => return,
            Operation::Release { .. } => Reply::Released,
            other => panic!("{other:?} was not expected"),
        };
        self.said
            .push_back(Event { at: now, kind: EventKind::Completed { ticket, result: Ok(reply) } });
    }

    fn poll(&mut self, _: Timestamp) -> Option<Event> {
        self.polls += 1;
        assert!(self.polls < POLLS_MAX, "it goes on for ever");
        self.said.pop_front()
    }

    fn gauges(&mut self, _: Timestamp, _: &mut dyn FnMut(PoolGauge)) {
        self.polls += 1;
        assert!(self.polls < POLLS_MAX, "it goes on for ever");
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.said.front().map(|event| event.at)
    }
}
