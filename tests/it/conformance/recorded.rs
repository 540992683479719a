//! The suite once more through a recorder, and then against what was recorded.
//!
//! [`Taped`] records what a world's connector says, whatever world it is; [`Replayed`] is the recording as a
//! world of its own, in virtual time. Another harness takes part by one line below.

use std::{cell::RefCell, path::PathBuf, rc::Rc};

use adapters::{
    Dialect,
    recording::{self, Header, Recorded, TapeOptions, TapeWriter},
    replay::{Divergence, Strict},
};
use connector::{
    Connector, Event, Operation, Ticket, Timestamp,
    testing::{self, CASES, Case, Harness, Liberty, Setup, Verdict, VirtualWorld, World},
};
use tempfile::TempDir;

use super::{
    InVirtualTime, OverHttp,
    gpuaas::{Gpuaas, PREEMPTION},
    names,
    openai::WithoutShares,
};

/// Cases that cannot be set up without credentials.
const NO_CREDENTIALS: &[&str] = &["wrong_credentials_are_refused"];

/// Cases that make no sense without shares at the far side.
const SHARES: &[&str] = &[
    "a_full_pool_refuses_at_once",
    "a_late_grant_arrives_and_can_be_released",
    "an_unknown_pool_is_not_found",
    "a_preempted_inference_ends_as_such",
    "an_inference_that_ends_within_the_grace_survives",
    "the_pools_on_offer_show_what_is_free",
    "wrong_credentials_are_refused",
    "an_inference_that_fails_tells_first_what_it_has_made",
    "every_ticket_is_answered_once",
    "an_early_poll_is_a_no_op",
];

macro_rules! recorded {
    ($($name:ident: $harness:expr, except: $except:expr;)*) => {$(
        #[test]
        fn $name() {
            holds_recorded_and_replayed($harness, $except);
        }
    )*};
}

recorded! {
    the_simulator_is_recorded_and_replayed: InVirtualTime, except: NO_CREDENTIALS;
    harpoon_v1_is_recorded_and_replayed: OverHttp(Dialect::HarpoonV1), except: &[];
    covenant_v1_is_recorded_and_replayed: OverHttp(Dialect::CovenantV1), except: &[];
    openai_is_recorded_and_replayed: WithoutShares(OverHttp(Dialect::OpenAi)), except: SHARES;
    gpuaas_is_recorded_and_replayed: Gpuaas::default(), except: &PREEMPTION;
}

/// Every case passes through a recorder, and its recording passes the same case and is used up by it.
fn holds_recorded_and_replayed<H: Harness>(harness: H, except: &[&str]) {
    let directory = TempDir::new().expect("the system has a directory for temporary files");
    let mut taping = Taping { harness, path: directory.path().join("recording") };
    for case in CASES {
        match testing::check(&mut taping, case) {
            Verdict::Passed => replay(&taping, case),
            Verdict::Skipped => assert!(except.contains(&case.name), "{}", case.name),
            Verdict::Failed(reason) => panic!("{} recorded: {reason}", case.name),
        }
    }
}

fn replay<H: Harness>(taping: &Taping<H>, case: &Case) {
    let recording = recording::read_file(&taping.path).expect("a recording");
    let strict = Strict::of(recording).expect("a recording without gaps");
    let ended = Rc::new(RefCell::new(None));
    let liberties = taping.harness.liberties().to_vec();
    let mut replaying = Replaying { strict: strict.into_iter().next(), ended, liberties };
    let verdict = testing::check(&mut replaying, case);
    assert_eq!(verdict, Verdict::Passed, "{} replayed", case.name);
    assert_eq!(replaying.ended.take(), Some(Ok(())), "{} replayed", case.name);
}

/// A harness whose worlds are recorded, each over the one before.
struct Taping<H> {
    harness: H,
    path: PathBuf,
}

impl<H: Harness> Harness for Taping<H> {
    type World = Taped<H::World>;

    fn build(&mut self, setup: &Setup) -> Option<Self::World> {
        let world = self.harness.build(setup)?;
        let header = Header {
            version: "0.0.0".to_owned(),
            scenario: "conformance".to_owned(),
            scenario_hash: 0,
            seed: 0,
            live: false,
            texts: false,
            cables: Vec::new(),
            regions: Vec::new(),
            names: names(setup),
        };
        let writer = TapeWriter::create(&self.path, &header, &TapeOptions::new(false));
        let writer = writer.expect("the file can be written");
        let line = Recorded::new(Inside(RefCell::new(world)), writer.tape(), 0);
        Some(Taped { line, _writer: writer })
    }

    fn liberties(&self) -> &[Liberty] {
        self.harness.liberties()
    }

    fn senseless(&self) -> &[(&'static str, &'static str)] {
        self.harness.senseless()
    }
}

/// A world whose connector is recorded.
struct Taped<W> {
    line: Recorded<Inside<W>>,
    /// Writes all of it when the world ends.
    _writer: TapeWriter,
}

impl<W: World> World for Taped<W> {
    type Connector = Recorded<Inside<W>>;

    fn connector(&mut self) -> &mut Self::Connector {
        &mut self.line
    }

    fn now(&self) -> Timestamp {
        self.line.inner().0.borrow().now()
    }

    fn wait_until(&mut self, until: Timestamp) {
        self.line.inner_mut().0.get_mut().wait_until(until);
    }
}

/// A world as its own connector. A world lends its connector for change only, even to be asked for a
/// deadline.
struct Inside<W>(RefCell<W>);

impl<W: World> Connector for Inside<W> {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        self.0.get_mut().connector().submit(now, ticket, operation);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        self.0.get_mut().connector().poll(now)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.0.borrow_mut().connector().deadline()
    }
}

/// Builds the world of one recording.
struct Replaying {
    strict: Option<Strict>,
    /// How the replay ended.
    ended: Rc<RefCell<Option<Result<(), Divergence>>>>,
    liberties: Vec<Liberty>,
}

impl Harness for Replaying {
    type World = Replayed;

    fn build(&mut self, _: &Setup) -> Option<Replayed> {
        let world = VirtualWorld::new(self.strict.take()?);
        Some(Replayed { world, ended: Rc::clone(&self.ended) })
    }

    fn liberties(&self) -> &[Liberty] {
        &self.liberties
    }
}

/// A recording in virtual time, which says at its end whether it was used up.
struct Replayed {
    world: VirtualWorld<Strict>,
    ended: Rc<RefCell<Option<Result<(), Divergence>>>>,
}

impl World for Replayed {
    type Connector = Strict;

    fn connector(&mut self) -> &mut Strict {
        self.world.connector()
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    fn wait_until(&mut self, until: Timestamp) {
        self.world.wait_until(until);
    }
}

impl Drop for Replayed {
    fn drop(&mut self) {
        self.ended.replace(Some(self.world.connector().verdict()));
    }
}
