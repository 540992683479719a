//! A load test as published figures come from, on the serving engine: so many clients, each of which
//! sends its next request when the answer to the last one is complete.
//!
//! # What is simulated besides the engine
//!
//! * a front end, through which every request takes the same time before the engine sees it, and an
//!   intake before that which takes requests one after the other;
//! * delivery: tokens reach the clients through one process that takes so long per token, in order.
//!   Where a server makes tens of thousands of tokens a second, it and not the card decides when a
//!   client has its answer and sends the next request;
//! * a gate, where the server holds requests back to begin several prompts at once (TensorRT-LLM's
//!   `batch_wait_timeout_iters` and `batch_wait_max_tokens_ratio`).
//!
//! # Edges
//!
//! The steps that the gate waits are as long as a step of the batch at the time of the first request
//! that waits, at the mean context. Tokens that are delivered between two changes of the batch are
//! counted with the batch before.

use std::collections::VecDeque;

use connector::{Timestamp, Tokens};
use sim::{
    serving::{Engine, Job, Limits, Progress, ProgressKind},
    step_time::{BatchTime, CONTEXT_UNITS, Growth, Load, Roofline, StepTime, TICKS_PER_NS},
};

/// A load test.
#[derive(Clone, Debug)]
pub(super) struct ClosedLoop {
    /// Prompt and output tokens of all requests, in the order of sending.
    pub(super) requests: Vec<(u32, u32)>,
    pub(super) clients: u32,
    pub(super) limits: Limits,
    pub(super) gate: Option<Gate>,
}

/// How a test was run, where that is not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocol {
    /// Whether the first request of every client is left out of the means.
    pub warm_up: bool,
    /// Whether the batch has a place fewer than there are clients.
    pub spare_client: bool,
}

impl Protocol {
    /// All there are.
    pub(super) const ALL: [Self; 4] = [
        Self { warm_up: false, spare_client: false },
        Self { warm_up: false, spare_client: true },
        Self { warm_up: true, spare_client: false },
        Self { warm_up: true, spare_client: true },
    ];
}

/// Holds requests back until they fill this share of a step's budget, with those that decode, or until
/// so many steps have passed; then those that fit in one step enter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    pub(super) budget: u32,
    pub(super) share: f64,
    pub(super) steps: u32,
    /// Tokens of a request when it is half done, on average: what a step of that many is reckoned with.
    pub(super) context: f64,
}

/// A server: the time of its steps, and what is around its engine, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    pub(super) time: Roofline,
    pub(super) front_end: f64,
    pub(super) delivery_per_token: f64,
    pub(super) intake_per_request: f64,
}

/// What load tests report: means over all requests, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latencies {
    /// Time to first token.
    pub ttft_ms: f64,
    /// Time per output token after the first.
    pub tpot_ms: f64,
}

impl ClosedLoop {
    /// Runs it. Every request must fit in the cache ([`Limits::hold`]) and have two tokens to answer.
    pub(super) fn run(&self, stack: &Stack, protocol: Protocol) -> Latencies {
        let mut run = Run::start(self, *stack, protocol);
        while run.finished < self.requests.len() {
            run.next();
        }
        let counted = self.requests.len().saturating_sub(run.uncounted).max(1) as f64;
        Latencies { ttft_ms: run.ttft / counted / 1e6, tpot_ms: run.tpot / counted / 1e6 }
    }

    fn job(&self, id: usize) -> Job {
        let (prompt, output) = self.requests[id];
        Job {
            id: id as u64,
            prompt: Tokens::new(prompt),
            output: Tokens::new(output),
            rank: 0,
            content: None,
            watched: false,
        }
    }

    /// Whether clients send a request after the other, and not one each.
    pub(super) fn is_loop(&self) -> bool {
        self.requests.len() > self.clients as usize
    }
}

/// A load test under way. Times are in nanoseconds since its start.
struct Run<'a> {
    plan: &'a ClosedLoop,
    stack: Stack,
    /// Requests at the beginning that are left out of the means.
    uncounted: usize,
    engine: Engine,
    /// Requests on their way through the front end, in order.
    coming: VecDeque<(u64, usize)>,
    /// Requests at the gate, and when it opens.
    held: VecDeque<usize>,
    opens: Option<u64>,
    sent: Vec<f64>,
    first: Vec<f64>,
    next: usize,
    finished: usize,
    /// When the last token so far was delivered.
    delivered: f64,
    /// When the last request so far was taken in.
    taken_in: f64,
    /// At the last look at the engine: when it was, its steps, its sequences.
    looked: (f64, u64, u32),
    ttft: f64,
    tpot: f64,
}

impl<'a> Run<'a> {
    fn start(plan: &'a ClosedLoop, stack: Stack, protocol: Protocol) -> Self {
        let mut limits = plan.limits;
        if protocol.spare_client {
            limits.max_sequences = limits.max_sequences.min(plan.clients - 1).max(1);
        }
        let mut engine = Engine::new(limits, BatchTime::Roofline(stack.time));
        engine.resume(Timestamp::ZERO);
        let mut run = Self {
            plan,
            stack,
            uncounted: if protocol.warm_up { plan.clients as usize } else { 0 },
            engine,
            coming: VecDeque::new(),
            held: VecDeque::new(),
            opens: None,
            sent: vec![0.0; plan.requests.len()],
            first: vec![0.0; plan.requests.len()],
            next: 0,
            finished: 0,
            delivered: 0.0,
            taken_in: 0.0,
            looked: (0.0, 0, 0),
            ttft: 0.0,
            tpot: 0.0,
        };
        for _ in 0..plan.clients {
            run.send();
        }
        run
    }

    /// A client that has its answer sends the next request, if there is one.
    fn send(&mut self) {
        if self.next < self.plan.requests.len() {
            self.sent[self.next] = self.delivered;
            self.taken_in = self.taken_in.max(self.delivered) + self.stack.intake_per_request;
            let arrives = (self.taken_in + self.stack.front_end) as u64;
            self.coming.push_back((arrives, self.next));
            self.next += 1;
        }
    }

    /// What happens next.
    fn next(&mut self) {
        let engine = self.engine.next_event().map(Timestamp::as_nanos);
        let arrival = self.coming.front().map(|(at, _)| *at);
        let due = [engine, arrival, self.opens];
        let now = due.into_iter().flatten().min().expect("somebody is on the way");
        self.engine.advance(Timestamp::from_nanos(now));
        self.note(now);
        while let Some((_, id)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            self.held.push_back(id);
        }
        while let Some(enter) = self.may_enter(now) {
            self.opens = None;
            for id in self.held.drain(..enter) {
                let job = self.plan.job(id);
                self.engine.submit(Timestamp::from_nanos(now), job);
            }
            self.note(now);
        }
    }

    /// How many of those at the gate may enter now; `None` for nobody.
    fn may_enter(&mut self, now: u64) -> Option<usize> {
        let all = Some(self.held.len()).filter(|held| *held > 0)?;
        let Some(gate) = self.plan.gate else { return Some(all) };
        let running = self.engine.running();
        let (first, tokens) = self.first_step(gate.budget.saturating_sub(running));
        let enough = f64::from(tokens + running) >= f64::from(gate.budget) * gate.share;
        if running == 0 || enough {
            return Some(first);
        }
        let opens = self.opens.unwrap_or_else(|| now + self.gate_waits(&gate, running));
        self.opens = Some(opens);
        (opens <= now).then_some(first)
    }

    /// Requests at the gate whose prompts fit in a step together, at least one, and their tokens.
    fn first_step(&self, budget: u32) -> (usize, u32) {
        let (mut count, mut tokens) = (0, 0);
        for &id in &self.held {
            let prompt = self.plan.requests[id].0;
            if count > 0 && tokens + prompt > budget {
                break;
            }
            count += 1;
            tokens += prompt;
        }
        (count, tokens)
    }

    /// Nanoseconds of the gate's steps, with so many sequences that decode.
    fn gate_waits(&self, gate: &Gate, running: u32) -> u64 {
        let load = Load {
            decodes: running,
            decode_tokens: running,
            context: (f64::from(running) * gate.context) as u64 * CONTEXT_UNITS,
            sampled: running,
            ..Load::default()
        };
        let ticks = self.stack.time.line(&load, &Growth::default()).first;
        u64::from(gate.steps) * (ticks / TICKS_PER_NS).unsigned_abs()
    }

    /// Delivers what the engine has made.
    fn note(&mut self, now: u64) {
        let (then, steps, sequences) = self.looked;
        let per_step = f64::from(sequences) * self.stack.delivery_per_token;
        let made = (self.engine.tally().steps - steps) as f64 * per_step;
        let news: Vec<Progress> = self.engine.drain_news().collect();
        if made > 0.0 || !news.is_empty() {
            let behind = self.delivered.max(then) + made;
            self.delivered = behind.max(now as f64 + per_step);
        }
        for Progress { id, kind, .. } in news {
            let id = id as usize;
            match kind {
                ProgressKind::FirstToken => self.first[id] = self.delivered,
                ProgressKind::Finished => self.finish(id),
                ProgressKind::Scheduled { .. }
                | ProgressKind::Preempted
                | ProgressKind::Tokens(_) => {}
            }
        }
        self.looked = (now as f64, self.engine.tally().steps, self.engine.running());
    }

    fn finish(&mut self, id: usize) {
        self.finished += 1;
        self.send();
        if id < self.uncounted {
            return;
        }
        self.ttft += self.first[id] - self.sent[id];
        let output = self.plan.requests[id].1;
        self.tpot += (self.delivered - self.first[id]) / f64::from(output - 1);
    }
}

#[cfg(test)]
mod tests {
    use sim::step_time::{RooflineCosts, Roofs};

    use super::*;

    /// Every step takes 10 ms.
    fn stack() -> Stack {
        let costs = RooflineCosts { weights: 10e6, ..RooflineCosts::default() };
        Stack {
            time: Roofline::new(costs, Roofs::Two),
            front_end: 0.0,
            delivery_per_token: 0.0,
            intake_per_request: 0.0,
        }
    }

    fn plan(requests: u32, clients: u32) -> ClosedLoop {
        let limits = Limits {
            max_sequences: clients,
            token_budget: 8_192,
            prefix_caching: false,
            ..Limits::default()
        };
        ClosedLoop { requests: vec![(100, 11); requests as usize], clients, limits, gate: None }
    }

    fn near(latencies: Latencies, (ttft_ms, tpot_ms): (f64, f64)) {
        let off = (latencies.ttft_ms - ttft_ms).abs().max((latencies.tpot_ms - tpot_ms).abs());
        assert!(off < 1e-3, "{latencies:?} and not {ttft_ms}, {tpot_ms}");
    }

    #[test]
    fn one_client_waits_for_the_front_end_and_its_own_steps() {
        let stack = Stack { front_end: 5e6, intake_per_request: 1e6, ..stack() };
        near(plan(3, 1).run(&stack, Protocol::default()), (16.0, 10.0));
    }

    /// One place for two clients: a request takes 11 steps. The first waits for none of them, and
    /// from then on everyone for the 11 of the other.
    #[test]
    fn a_client_without_a_place_waits_for_a_whole_answer() {
        let protocol = Protocol { spare_client: true, warm_up: false };
        near(plan(10, 2).run(&stack(), protocol), (10.0 + 0.9 * 110.0, 10.0));
        let protocol = Protocol { spare_client: true, warm_up: true };
        near(plan(10, 2).run(&stack(), protocol), (10.0 + 110.0, 10.0));
    }

    /// The card makes four tokens in 10 ms, and their delivery takes 4 x 5 ms.
    #[test]
    fn who_delivers_slower_than_the_card_sets_the_pace() {
        let stack = Stack { delivery_per_token: 5e6, ..stack() };
        near(plan(400, 4).run(&stack, Protocol::default()), (30.0, 20.0));
    }

    /// Sent at 0 and taken in at 12 and 24, when the first one decodes: the gate holds the second for 3
    /// steps, until 54, and it joins the step that begins at 62.
    #[test]
    fn a_gate_holds_back_until_its_steps_have_passed() {
        let gate = Gate { budget: 1_000, share: 0.9, steps: 3, context: 105.5 };
        let stack = Stack { intake_per_request: 12e6, ..stack() };
        let two = ClosedLoop { gate: Some(gate), ..plan(2, 2) };
        near(two.run(&stack, Protocol::default()), (f64::midpoint(22.0, 72.0), 10.0));
    }
}
