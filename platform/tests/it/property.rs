//! Whatever the far end does, the platform keeps its promises.
//!
//! One property over the whole platform: random settings, a far end that behaves badly in every way
//! ([`far_end`]), and random requests, departures, controls and drains. After every input
//! ([`promises`], [`breaker`]):
//!
//! * a request is answered once, with one record, and nothing else is answered;
//! * an open breaker lets nothing through but probes, no more than it has;
//! * no more is sent again than the retry budget allows;
//! * no tenant is above a quota;
//! * shares are released by whoever knows them, and not again once that is confirmed;
//! * a wake-up does what is due, and no input is answered without bound.
//!
//! And at the end, after a drain: nothing is left unanswered, what the far end holds is told with the
//! evidence and nothing else is, and the bills equal the meters.
//!
//! A failing world is made smaller by proptest and told move by move. `PROPTEST_RNG_SEED` runs the
//! worlds of another seed, `PROPTEST_CASES` so many of them.

mod breaker;
mod far_end;
mod promises;
mod settings;
mod whims;

use std::{
    cell::Cell,
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use connector::{
    CableId, Content, Duration, Event, EventKind, Money, Outcome, RequestId, TenantId, Timestamp,
    Tokens,
};
use platform::{
    CableStatistics, Input, Output, Platform, PlatformConfig, Request, Terms, breaker::Control,
};
use proptest::{
    option,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{RngSeed, TestCaseResult, TestError, TestRunner},
};

use self::{
    far_end::FarEnd,
    promises::{Before, Promises, Said},
    settings::{POOLS, TENANTS, settings},
    whims::{Manners, manners},
};
use crate::{
    covenant_property::terms,
    setting::{LARGE, SMALL, ms, secs},
};

/// Inputs handled per world in the mean, at least; all worlds together are 100,000.
const INPUTS_PER_WORLD: u64 = 400;
const MOVES_MAX: usize = 600;
/// Longer than any request takes without a drain.
const PATIENCE: Duration = secs(12 * 3_600);
/// More inputs than any world needs: a livelock is a failure.
const INPUTS_MAX: u64 = 2_000_000;
/// Lines of a failing world's story that are told.
const STORY_MAX: usize = 300;

#[test]
fn the_platform_keeps_its_promises_whatever_the_far_end_does() {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => {
            any::<u64>().new_tree(&mut TestRunner::default()).expect("a number").current()
        }
    };
    config.rng_seed = RngSeed::Fixed(seed);
    let (worlds, inputs) = (u64::from(config.cases), Cell::new(0));
    println!("these worlds again: PROPTEST_RNG_SEED={seed}");
    let outcome = TestRunner::new(config).run(&worlds_of_all_kinds(), |world| {
        let mut run = Run::new(&world, None);
        let outcome = run.through(&world);
        inputs.set(inputs.get() + run.inputs);
        outcome
    });
    match outcome {
        Ok(()) => println!("{worlds} worlds, {} inputs", inputs.get()),
        Err(TestError::Fail(why, world)) => {
            panic!("seed {seed}: {}", story(&why.to_string(), &world))
        }
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
    }
    assert!(inputs.get() >= INPUTS_PER_WORLD * worlds, "only {} inputs", inputs.get());
}

/// A failing world, once more and in words.
fn story(why: &str, world: &World) -> String {
    let mut told = Vec::new();
    let _ = catch_unwind(AssertUnwindSafe(|| Run::new(world, Some(&mut told)).through(world)));
    let World { config, manners, moves, patient } = world;
    let mut text = format!("{why}\n{config:#?}\n{manners:?}\npatient: {patient}\n");
    for (number, each) in moves.iter().enumerate() {
        let _ = writeln!(text, "{number:4} {each:?}");
    }
    let left_out = told.len().saturating_sub(STORY_MAX);
    let _ = writeln!(text, "what happened ({left_out} lines before):");
    told[left_out..].iter().for_each(|line| text += line);
    text + why
}

#[derive(Clone, Debug)]
struct World {
    config: PlatformConfig,
    manners: Manners,
    moves: Vec<Move>,
    /// Whether everything is to be answered before the drain.
    patient: bool,
}

/// One move of the outside world.
#[derive(Clone, Debug)]
enum Move {
    Request(Box<Asked>),
    /// The caller of one of the requests so far leaves, or one that never was.
    Cancel(Index),
    CancelAll,
    Control(u32, Control),
    /// The far end says something that nobody asked for.
    Stir(u64),
    /// Somebody wakes the platform too early.
    Wake,
    Drain,
    Pass(Duration),
}

#[derive(Clone, Debug)]
struct Asked {
    tenant: u32,
    prompt: u32,
    output: u32,
    words: bool,
    class: Option<u32>,
    model: Option<u32>,
    patience: Option<Duration>,
    terms: Option<Terms>,
}

fn worlds_of_all_kinds() -> impl Strategy<Value = World> {
    let moves = proptest::collection::vec(moves(), 1..MOVES_MAX);
    // In the order in which a failure is made smaller: a short story first.
    (moves, any::<bool>(), manners(), settings())
        .prop_map(|(moves, patient, manners, config)| World { config, manners, moves, patient })
}

fn moves() -> impl Strategy<Value = Move> {
    let controls = select(vec![
        Control::ToOpen,
        Control::ToHalfOpen,
        Control::ToClosed,
        Control::Reset,
        Control::ForceOpen,
        Control::Disable,
        Control::MetricsOnly,
    ]);
    prop_oneof![
        1200 => asked().prop_map(|asked| Move::Request(Box::new(asked))),
        200 => any::<Index>().prop_map(Move::Cancel),
        2 => Just(Move::CancelAll),
        30 => (0..POOLS, controls).prop_map(|(cable, control)| Move::Control(cable, control)),
        100 => any::<u64>().prop_map(Move::Stir),
        20 => Just(Move::Wake),
        1 => Just(Move::Drain),
        700 => (0_u64..3_000).prop_map(|millis| Move::Pass(ms(millis))),
        30 => (0_u64..120).prop_map(|seconds| Move::Pass(secs(seconds))),
        1 => (0_u64..90).prop_map(|minutes| Move::Pass(secs(60 * minutes))),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let lengths = (1_u32..3_000, 1_u32..400);
    let named = (option::weighted(0.1, 0_u32..3), option::weighted(0.1, 0_u32..3));
    let patience = option::weighted(0.3, 0_u64..20_000);
    (0..TENANTS, lengths, any::<bool>(), named, patience, option::weighted(0.1, terms())).prop_map(
        |(tenant, (prompt, output), words, (class, model), patience, terms)| {
            let patience = patience.map(ms);
            Asked { tenant, prompt, output, words, class, model, patience, terms }
        },
    )
}

/// The platform in a world.
struct Run<'a> {
    platform: Platform,
    far_end: FarEnd,
    promises: Promises,
    now: Timestamp,
    requests: u64,
    /// Inputs that were more than a wake-up for nothing.
    inputs: u64,
    handled: u64,
    told: Option<&'a mut Vec<String>>,
}

impl<'a> Run<'a> {
    fn new(world: &World, told: Option<&'a mut Vec<String>>) -> Self {
        Self {
            platform: Platform::new(world.config.clone()).expect("a valid configuration"),
            far_end: FarEnd::new(world.manners.clone()),
            promises: Promises::new(&world.config),
            now: Timestamp::ZERO,
            requests: 0,
            inputs: 0,
            handled: 0,
            told,
        }
    }

    fn through(&mut self, world: &World) -> TestCaseResult {
        world.moves.iter().try_for_each(|each| self.take(each))?;
        if world.patient {
            let end = self.now + PATIENCE;
            while self.platform.in_flight() > 0 && self.step(end)? {}
            prop_assert_eq!(self.platform.in_flight(), 0, "answered without a drain");
        }
        self.hand_over(Input::Drain)?;
        while self.step(Timestamp::MAX)? {}
        self.promises.assert_none_left()?;
        prop_assert_eq!(self.platform.deadline(), None);
        self.far_end.assert_told(&self.platform)?;
        self.promises.assert_all_paid(&self.far_end)?;
        self.assert_books_agree(world)
    }

    fn take(&mut self, each: &Move) -> TestCaseResult {
        match each {
            Move::Request(asked) => self.request(asked),
            Move::Cancel(which) => {
                let id = which.index(self.requests as usize + 1) as u64;
                self.hand_over(Input::Cancel(RequestId(id)))
            }
            Move::CancelAll => self.hand_over(Input::CancelAll),
            Move::Control(cable, control) => {
                self.hand_over(Input::Breaker(CableId(*cable), *control))
            }
            Move::Stir(seed) => {
                self.far_end.stir(self.now, *seed);
                Ok(())
            }
            Move::Wake => self.hand_over(Input::Wake),
            Move::Drain => self.hand_over(Input::Drain),
            Move::Pass(time) => {
                let end = self.now + *time;
                while self.step(end)? {}
                self.now = end;
                Ok(())
            }
        }
    }

    fn request(&mut self, asked: &Asked) -> TestCaseResult {
        let words = ["why is the sky blue", "prove that 2 + 2 = 4"][self.requests as usize % 2];
        let blocks = Content::Blocks(vec![u64::from(asked.prompt % 5), self.requests].into());
        let request = Request {
            id: RequestId(self.requests),
            tenant: TenantId(asked.tenant),
            arrived: self.now,
            prompt_tokens: Tokens::new(asked.prompt),
            output_tokens: Tokens::new(asked.output),
            content: if asked.words { Content::Text(words.into()) } else { blocks },
            class: asked.class.map(connector::ClassId),
            model: asked.model.map(|model| [SMALL, LARGE, connector::ModelId(9)][model as usize]),
            patience: asked.patience,
            terms: asked.terms.clone().map(Arc::new),
            fan_out: None,
        };
        self.requests += 1;
        self.promises.arrives(&request);
        self.hand_over(Input::Request(request))
    }

    /// Lets the next thing happen that is due by `end`. False if there is none.
    fn step(&mut self, end: Timestamp) -> Result<bool, TestCaseError> {
        let (coming, due) = (self.far_end.next(), self.platform.deadline());
        let next = [coming, due].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= end) else {
            return Ok(false);
        };
        self.now = self.now.max(next);
        if coming == Some(next) {
            if let Some((cable, event)) = self.far_end.happen(self.now) {
                self.deliver(cable, event)?;
            }
        } else {
            self.hand_over(Input::Wake)?;
        }
        Ok(true)
    }

    fn deliver(&mut self, cable: CableId, kind: EventKind) -> TestCaseResult {
        self.far_end.note(&kind);
        self.hand_over(Input::Event(cable, Event { at: self.now, kind }))
    }

    fn hand_over(&mut self, input: Input) -> TestCaseResult {
        let (said, before) = (Said::of(&input), Before::of(&self.platform));
        self.tell(|now| format!("{now:?} {input:?}\n"));
        self.platform.handle(self.now, input);
        let mut outputs = Vec::new();
        while let Some(output) = self.platform.poll_output() {
            self.tell(|_| format!("    {output:?}\n"));
            if let Output::Submit { cable, ticket, operation } = &output {
                self.far_end.perform(self.now, *cable, *ticket, operation)?;
            }
            outputs.push(output);
        }
        self.handled += 1;
        self.inputs += u64::from(said != Said::Wake || !outputs.is_empty());
        prop_assert!(self.handled <= INPUTS_MAX, "livelock at {:?}", self.now);
        let parties = (&self.platform, &self.far_end);
        self.promises.check(self.now, said, &before, &outputs, parties)
    }

    fn tell(&mut self, line: impl FnOnce(Timestamp) -> String) {
        if let Some(told) = &mut self.told {
            told.push(line(self.now));
        }
    }

    /// Tenants pay what their requests cost, and with the overhead that is what the cables cost.
    fn assert_books_agree(&self, world: &World) -> TestCaseResult {
        let records = &self.promises.records;
        let leaves = world.config.timeouts.abandon == platform::config::Abandon::Leave;
        for (index, meter) in self.platform.meters().iter().enumerate() {
            let of_tenant = || records.iter().filter(move |one| one.tenant.index() == index);
            let cost: Money = of_tenant().map(|one| one.cost).sum();
            // What is left to run costs its tenant more than its request.
            prop_assert!(cost == meter.cost || (leaves && cost < meter.cost));
            let completed = || of_tenant().filter(|one| one.outcome == Outcome::Completed);
            prop_assert_eq!(completed().count() as u64, meter.completed);
            let tokens: u128 = completed().map(|one| u128::from(one.output_tokens.get())).sum();
            prop_assert_eq!(tokens, meter.output_tokens);
        }
        let meters = self.platform.meters().iter();
        let (used, overhead) =
            (meters.clone().map(|one| one.cost).sum::<Money>(), self.platform.overhead());
        let all: Vec<CableStatistics> = self.platform.cables().map(|one| one.statistics).collect();
        prop_assert_eq!(all.iter().map(|one| one.cost).sum::<Money>(), used + overhead.cost);
        prop_assert_eq!(all.iter().map(|one| one.idle_cost).sum::<Money>(), overhead.cost);
        let slots: u128 = meters.map(|one| one.slot_ns).sum();
        prop_assert_eq!(all.iter().map(|one| one.slot_ns).sum::<u128>(), slots + overhead.slot_ns);
        self.assert_hedges_add_up(&all)
    }

    /// Of two strikes one is called off when the other has won, so there are no more of those than
    /// hedges.
    fn assert_hedges_add_up(&self, all: &[CableStatistics]) -> TestCaseResult {
        let sum = |of: fn(&CableStatistics) -> u64| all.iter().map(of).sum::<u64>();
        let hedges = sum(|cable| cable.hedges);
        let records = &self.promises.records;
        prop_assert_eq!(records.iter().map(|one| u64::from(one.hedges)).sum::<u64>(), hedges);
        prop_assert!(sum(|cable| cable.called_off) <= hedges);
        prop_assert!(sum(|cable| cable.hedges_won) <= sum(|cable| cable.called_off));
        let strikes: u64 = records.iter().map(|one| u64::from(one.attempts)).sum();
        prop_assert_eq!(strikes, sum(|cable| cable.strikes));
        for cable in all {
            prop_assert!(cable.called_off_slot_ns <= cable.slot_ns);
            prop_assert!(cable.called_off_cost <= cable.cost);
        }
        Ok(())
    }
}
