//! A far side that answers everything at once, so that what is measured is the platform alone.

use std::{collections::VecDeque, path::Path};

use connector::{
    AllocationId, CableId, Content, Duration, Event, EventKind, Money, Operation, PoolId, Reply,
    RequestId, TenantId, Ticket, Timestamp, Tokens, Usage,
};
use platform::{Input, Output, Platform, PlatformConfig, Request};
use scenarios::Override;

/// Questions that are under way when the next request comes: the far side answers in turn.
const UNDER_WAY: usize = 64;
/// Between two requests.
const GAP: Duration = Duration::from_millis(10);

/// Requests served before anything is measured.
const WARM_UP: u32 = 1_000;

/// What is to be answered.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Allocate,
    Infer,
    Other,
}

/// A platform, and who answers it.
#[derive(Debug)]
pub(crate) struct Desk {
    platform: Platform,
    now: Timestamp,
    requests: u64,
    granted: u64,
    questions: VecDeque<(CableId, Ticket, Asked)>,
    finished: u64,
}

impl Desk {
    /// With the platform of the shipped quickstart, and what is set besides. It has been at work.
    pub(crate) fn new(settings: &[&str]) -> Self {
        Self::at_work(quickstart(settings))
    }

    /// As [`Desk::new`], with one class whose one model is on so many pools, at as many prices in no
    /// order.
    pub(crate) fn with_candidates(candidates: u32, settings: &[&str]) -> Self {
        let mut config = quickstart(settings);
        let last = config.classifier.classes.len() - 1;
        config.classifier.classes.drain(..last);
        config.classifier.classes[0].models.truncate(1);
        let model = config.classifier.classes[0].models[0];
        let needs = config.models[model.index()].requirements.vram;
        let fitting = config.cables.iter().find(|cable| cable.card_vram >= needs);
        let pattern = fitting.expect("the model fits somewhere").clone();
        config.cables = (0..candidates)
            .map(|pool| platform::config::CableConfig {
                pool: PoolId(pool),
                name: format!("pool-{pool}"),
                price_per_slot_hour: Money::from_nanos(
                    100_000_000 + 1_000_000 * i128::from(pool * 37 % 64),
                ),
                ..pattern.clone()
            })
            .collect();
        Self::at_work(config)
    }

    fn at_work(config: PlatformConfig) -> Self {
        let mut desk = Self {
            platform: Platform::new(config).expect("a valid platform"),
            now: Timestamp::ZERO,
            requests: 0,
            granted: 0,
            questions: VecDeque::with_capacity(2 * UNDER_WAY),
            finished: 0,
        };
        (0..WARM_UP).for_each(|_| desk.serve_one());
        desk
    }

    /// Requests answered so far.
    pub(crate) fn finished(&self) -> u64 {
        self.finished
    }

    /// One more request, and as many answers as it takes to keep up.
    pub(crate) fn serve_one(&mut self) {
        self.now = self.now + GAP;
        let request = self.request();
        self.handle(Input::Request(request));
        if self.platform.deadline().is_some_and(|at| at <= self.now) {
            self.handle(Input::Wake);
        }
        while self.questions.len() > UNDER_WAY
            && let Some((cable, ticket, asked)) = self.questions.pop_front()
        {
            self.answer(cable, ticket, asked);
        }
    }

    fn request(&mut self) -> Request {
        self.requests += 1;
        Request {
            id: RequestId(self.requests),
            tenant: TenantId((self.requests % 2) as u32),
            arrived: self.now,
            prompt_tokens: Tokens::new(100 + (self.requests % 900) as u32),
            output_tokens: Tokens::new(100),
            content: Content::Unknown,
            class: None,
            model: None,
            patience: None,
            terms: None,
            fan_out: None,
        }
    }

    fn answer(&mut self, cable: CableId, ticket: Ticket, asked: Asked) {
        let reply = match asked {
            Asked::Allocate => {
                self.granted += 1;
                Reply::Granted { allocation: AllocationId(self.granted) }
            }
            Asked::Infer => {
                self.event(cable, EventKind::FirstToken { ticket });
                let usage = Usage::computed(Tokens::new(100), Tokens::new(100));
                Reply::Generated { usage, text: None }
            }
            Asked::Other => Reply::Released,
        };
        self.event(cable, EventKind::Completed { ticket, result: Ok(reply) });
    }

    fn event(&mut self, cable: CableId, kind: EventKind) {
        self.handle(Input::Event(cable, Event { at: self.now, kind }));
    }

    fn handle(&mut self, input: Input) {
        self.platform.handle(self.now, input);
        while let Some(output) = self.platform.poll_output() {
            match output {
                Output::Submit { cable, ticket, operation } => {
                    let asked = match operation {
                        Operation::Allocate(_) => Asked::Allocate,
                        Operation::Infer(_) => Asked::Infer,
                        _ => Asked::Other,
                    };
                    self.questions.push_back((cable, ticket, asked));
                }
                Output::Record(_) => self.finished += 1,
                Output::Respond(_) | Output::Usage(_) | Output::Lease(_) => {}
            }
        }
    }
}

fn quickstart(settings: &[&str]) -> PlatformConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let settings: Result<Vec<Override>, _> = settings.iter().map(|one| one.parse()).collect();
    let settings = settings.expect("the settings can be read");
    scenarios::load(&path, &settings).expect("the quickstart is valid").platform
}
