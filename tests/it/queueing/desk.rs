//! Customers who deal with a pool themselves, without the platform.
//!
//! # Problem
//!
//! A full pool refuses and never queues, so preemptive priority needs somebody who keeps the line: of
//! each class at most one customer is at a pool of one place, and nobody asks there while somebody as
//! important or more so has not left. What is under test is the pool: who is important takes the place
//! of who is not, who lost its place waits there and goes on where it was.
//!
//! Where classes have weights, everybody goes to the pool at once, and asks for as much of the card's
//! compute as its class weighs.
//!
//! # Mechanism
//!
//! In virtual time: arrivals, the simulator's events, and looks at its gauges, the earliest first.
//! Every answer comes in no time, so what follows from one instant happens in it.

use std::collections::VecDeque;

use connector::{
    Allocate, AllocationId, ClassId, Connector, Duration, EventKind, Infer, Mebibytes, ModelId,
    Money, Operation, Outcome, PoolId, Priority, Prompt, Reply, RequestRecord, Requirements,
    Temperature, Tflops, Ticket, Timestamp, Tokens,
};
use harpoon::drive::Observer;
use platform::Request;
use sim::Simulator;

use super::{arrivals::Arrivals, observer::Windows};

/// The one who keeps the lines.
pub(super) struct Desk {
    simulator: Simulator,
    windows: Windows,
    /// By class, the most important first.
    lines: Vec<VecDeque<Request>>,
    at_pool: Vec<Customer>,
    /// Of each class, where everybody goes to the pool at once.
    weights: Vec<f64>,
    tickets: u64,
    present: usize,
}

/// A customer at the pool.
struct Customer {
    class: usize,
    request: Request,
    /// What it has asked last.
    asked: Ticket,
    share: Option<AllocationId>,
    first_token: Option<Timestamp>,
}

impl Desk {
    pub(super) fn new(
        simulator: Simulator,
        windows: Windows,
        classes: usize,
        weights: Vec<f64>,
    ) -> Self {
        Self {
            simulator,
            windows,
            lines: (0..classes).map(|_| VecDeque::new()).collect(),
            at_pool: Vec::new(),
            weights,
            tickets: 0,
            present: 0,
        }
    }

    /// Serves everybody who arrives before `until`, and looks at the pool after every window.
    pub(super) fn run(mut self, arrivals: Arrivals, window: Duration, until: Timestamp) -> Windows {
        let mut arrivals = arrivals.map(|request| request.expect("it is drawn")).peekable();
        let mut look = Timestamp::ZERO + window;
        while look <= until {
            let arrival = arrivals.peek().map(|request| request.arrived);
            let next = [arrival, self.simulator.deadline(), Some(look)];
            let now = next.into_iter().flatten().min().unwrap_or(look);
            while let Some(event) = self.simulator.poll(now) {
                self.hear(now, event.kind);
            }
            if let Some(request) = arrivals.next_if(|request| request.arrived <= now) {
                self.present += 1;
                self.windows.in_flight(now, self.present);
                self.lines[request.tenant.index()].push_back(request);
                self.send(now);
            }
            if look <= now {
                let windows = &mut self.windows;
                self.simulator.gauges(now, &mut |gauge| windows.gauge(now, &gauge));
                look = look + window;
            }
        }
        self.windows
    }

    /// The first of the most important line goes to the pool, if nobody is there whom it would have
    /// to wait for.
    fn send(&mut self, now: Timestamp) {
        for class in 0..self.lines.len() {
            if self.weights.is_empty() && self.at_pool.iter().any(|other| other.class == class) {
                return;
            }
            let Some(request) = self.lines[class].pop_front() else { continue };
            let asked = self.ask(now, Operation::Allocate(self.of_class(class)));
            self.at_pool.push(Customer { class, request, asked, share: None, first_token: None });
            return;
        }
    }

    fn of_class(&self, class: usize) -> Allocate {
        let weight = self.weights.get(class);
        let least = self.lines.len() - 1;
        Allocate {
            pool: PoolId(0),
            model: ModelId(if weight.is_some() { class as u32 } else { 0 }),
            requirements: Requirements {
                tflops: weight.map_or(Tflops::ZERO, |&parts| Tflops::new(parts as u64)),
                vram: Mebibytes::ZERO,
            },
            overcommit: true,
            preemptible: true,
            priority: Priority::new((least - class) as u8).expect("few classes"),
            tenant: connector::TenantId(class as u32),
        }
    }

    fn ask(&mut self, now: Timestamp, operation: Operation) -> Ticket {
        self.tickets += 1;
        self.simulator.submit(now, Ticket(self.tickets), operation);
        Ticket(self.tickets)
    }

    fn hear(&mut self, now: Timestamp, event: EventKind) {
        let (ticket, result) = match event {
            EventKind::Completed { ticket, result } => (ticket, Some(result)),
            EventKind::FirstToken { ticket } => (ticket, None),
            EventKind::Progress { .. } => panic!("nobody asked for it"),
            EventKind::Preempted { allocation, .. } => panic!("{allocation} is lost"),
        };
        let Some(place) = self.at_pool.iter().position(|of| of.asked == ticket) else { return };
        let customer = &mut self.at_pool[place];
        match result {
            None => customer.first_token = Some(now),
            Some(Ok(Reply::Granted { allocation })) => {
                customer.share = Some(allocation);
                let infer = Operation::Infer(Infer {
                    allocation,
                    prompt: Prompt::of_length(Tokens::ZERO),
                    max_tokens: customer.request.output_tokens,
                    temperature: Temperature::default(),
                    stream: true,
                    progress: None,
                });
                self.at_pool[place].asked = self.ask(now, infer);
            }
            Some(Ok(Reply::Generated { .. })) => {
                let customer = self.at_pool.swap_remove(place);
                self.leave(now, &customer);
            }
            Some(other) => panic!("a customer of class {} heard {other:?}", customer.class),
        }
    }

    fn leave(&mut self, now: Timestamp, customer: &Customer) {
        let allocation = customer.share.expect("it had a share");
        self.ask(now, Operation::Release { allocation });
        self.present -= 1;
        self.windows.record(&record(now, customer));
        self.send(now);
    }
}

fn record(now: Timestamp, customer: &Customer) -> RequestRecord {
    let request = &customer.request;
    RequestRecord {
        request: request.id,
        tenant: request.tenant,
        class: ClassId(0),
        model: ModelId(0),
        pool: Some(PoolId(0)),
        arrived: request.arrived,
        queued: Duration::ZERO,
        allocating: Some(Duration::ZERO),
        first_token: customer.first_token,
        finished: now,
        prompt_tokens: request.prompt_tokens,
        output_tokens: request.output_tokens,
        attempts: 1,
        fallbacks: 0,
        hedges: 0,
        outcome: Outcome::Completed,
        rejection: None,
        cost: Money::ZERO,
        covenant: connector::CovenantOutcome::default(),
        fan_out: None,
    }
}
