//! The cases.

use super::case::{
    Ask::{Allocate, Cancel, Infer, Inspect, List, Pools, Release},
    Case, Credentials,
    Expected::{self, Anything, Cancelled, Generated, Granted, Refused, Released},
    PoolSetup, Setup,
    Share::{Of, Unknown},
    Step::{self, Expect, ExpectWithin, FirstToken, Holds, Pester, Progress, Submit, Unanswered},
};
use crate::{Duration, ErrorKind};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn slots(slots: u32) -> PoolSetup {
    PoolSetup { slots, preemption_grace: None }
}

const fn grace(slots: u32, ms_of_grace: u64) -> PoolSetup {
    PoolSetup { slots, preemption_grace: Some(ms(ms_of_grace)) }
}

const fn allocate(name: &'static str) -> Step {
    Submit(name, Allocate { pool: 0, rank: 0 })
}

const fn infer(name: &'static str, on: &'static str, tokens: u32) -> Step {
    Submit(name, Infer { on: Of(on), tokens, stream: true, progress: None })
}

const fn infer_telling(name: &'static str, on: &'static str, tokens: u32, every: Duration) -> Step {
    Submit(name, Infer { on: Of(on), tokens, stream: true, progress: Some(every) })
}

const fn release(name: &'static str, share: &'static str) -> Step {
    Submit(name, Release(Of(share)))
}

/// An inference that outlasts every case: 100 s at the usual pace.
const ENDLESS: u32 = 10_000;
/// What "at once" means: far longer than an answer takes, far shorter than waiting for a slot.
const AT_ONCE: Duration = ms(2_000);

/// Every case, in an order from the ordinary to the odd.
pub const CASES: &[Case] = &[
    Case {
        name: "grant_infer_release",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            infer("answer", "share", 3),
            FirstToken("answer"),
            Expect("answer", Generated(3)),
            release("release", "share"),
            Expect("release", Released),
            Holds(0, &[]),
        ],
    },
    Case {
        name: "a_full_pool_refuses_at_once",
        setup: Setup::of(&[slots(2)]),
        steps: &[
            allocate("first"),
            allocate("second"),
            Expect("first", Granted),
            Expect("second", Granted),
            allocate("third"),
            ExpectWithin(AT_ONCE, "third", Refused(ErrorKind::CapacityExhausted)),
            // A refusal is the end of it: what becomes free later is free.
            release("release", "first"),
            Expect("release", Released),
            Holds(0, &["second"]),
            allocate("fourth"),
            Expect("fourth", Granted),
            Holds(0, &["second", "fourth"]),
        ],
    },
    Case {
        name: "a_late_grant_arrives_and_can_be_released",
        setup: Setup { allocation_latency: ms(150), ..Setup::of(&[slots(1)]) },
        steps: &[
            allocate("late"),
            // The caller gives up here; the connector must not.
            Unanswered("late", ms(100)),
            Expect("late", Granted),
            release("release", "late"),
            Expect("release", Released),
            Holds(0, &[]),
        ],
    },
    Case {
        name: "a_second_release_is_not_found",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            release("once", "share"),
            Expect("once", Released),
            release("twice", "share"),
            Expect("twice", Refused(ErrorKind::NotFound)),
        ],
    },
    Case {
        name: "an_unknown_share_is_not_found",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            Submit("release", Release(Unknown)),
            Expect("release", Refused(ErrorKind::NotFound)),
            Submit("inspect", Inspect(Unknown)),
            Expect("inspect", Refused(ErrorKind::NotFound)),
            Submit("infer", Infer { on: Unknown, tokens: 1, stream: false, progress: None }),
            Expect("infer", Refused(ErrorKind::NotFound)),
            allocate("share"),
            Expect("share", Granted),
            release("gone", "share"),
            Expect("gone", Released),
            infer("infer on gone", "share", 1),
            Expect("infer on gone", Refused(ErrorKind::NotFound)),
        ],
    },
    Case {
        name: "an_unknown_pool_is_not_found",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            Submit("share", Allocate { pool: 1, rank: 0 }),
            Expect("share", Refused(ErrorKind::NotFound)),
            Submit("list", List(1)),
            Expect("list", Refused(ErrorKind::NotFound)),
        ],
    },
    Case {
        name: "an_inference_in_flight_is_cancelled",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            infer("endless", "share", ENDLESS),
            FirstToken("endless"),
            Submit("cancel", Cancel("endless")),
            Expect("endless", Refused(ErrorKind::Conflict)),
            Expect("cancel", Cancelled),
            // The share outlives what ran on it.
            infer("next", "share", 2),
            Expect("next", Generated(2)),
            Holds(0, &["share"]),
        ],
    },
    Case {
        name: "a_preempted_inference_ends_as_such",
        setup: Setup::of(&[grace(1, 50)]),
        steps: &[
            allocate("victim"),
            Expect("victim", Granted),
            infer("endless", "victim", ENDLESS),
            FirstToken("endless"),
            Submit("winner", Allocate { pool: 0, rank: 9 }),
            Expect("endless", Refused(ErrorKind::Preempted)),
            Expect("winner", Granted),
            Holds(0, &["winner"]),
            Submit("inspect", Inspect(Of("victim"))),
            Expect("inspect", Refused(ErrorKind::NotFound)),
            release("release", "victim"),
            Expect("release", Refused(ErrorKind::NotFound)),
        ],
    },
    Case {
        name: "an_inference_that_ends_within_the_grace_survives",
        setup: Setup::of(&[grace(1, 500)]),
        steps: &[
            allocate("victim"),
            Expect("victim", Granted),
            infer("short", "victim", 10),
            FirstToken("short"),
            Submit("winner", Allocate { pool: 0, rank: 9 }),
            Expect("short", Generated(10)),
            Expect("winner", Granted),
            Holds(0, &["winner"]),
        ],
    },
    Case {
        name: "a_listing_shows_exactly_what_is_held",
        setup: Setup::of(&[slots(3), slots(2)]),
        steps: &[
            Holds(0, &[]),
            allocate("a"),
            allocate("b"),
            Submit("elsewhere", Allocate { pool: 1, rank: 0 }),
            Expect("a", Granted),
            Expect("b", Granted),
            Expect("elsewhere", Granted),
            Holds(0, &["a", "b"]),
            Holds(1, &["elsewhere"]),
            release("release", "a"),
            Expect("release", Released),
            Holds(0, &["b"]),
            allocate("c"),
            Expect("c", Granted),
            Holds(0, &["b", "c"]),
            Holds(1, &["elsewhere"]),
        ],
    },
    Case {
        name: "the_pools_on_offer_show_what_is_free",
        setup: Setup::of(&[slots(3), slots(1)]),
        steps: &[
            Submit("idle", Pools),
            Expect("idle", Expected::Pools(&[3, 1])),
            allocate("a"),
            Submit("b", Allocate { pool: 1, rank: 0 }),
            Expect("a", Granted),
            Expect("b", Granted),
            Submit("busy", Pools),
            Expect("busy", Expected::Pools(&[2, 0])),
        ],
    },
    Case {
        name: "wrong_credentials_are_refused",
        setup: Setup { credentials: Credentials::Wrong, ..Setup::of(&[slots(1)]) },
        steps: &[
            allocate("share"),
            Expect("share", Refused(ErrorKind::Unauthorized)),
            Submit("list", List(0)),
            Expect("list", Refused(ErrorKind::Unauthorized)),
            Submit("pools", Pools),
            Expect("pools", Refused(ErrorKind::Unauthorized)),
        ],
    },
    Case {
        name: "the_first_token_comes_once_and_only_if_asked_for",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            infer("one token", "share", 1),
            FirstToken("one token"),
            Expect("one token", Generated(1)),
            infer("many tokens", "share", 20),
            FirstToken("many tokens"),
            Expect("many tokens", Generated(20)),
            Submit("whole", Infer { on: Of("share"), tokens: 5, stream: false, progress: None }),
            Expect("whole", Generated(5)),
        ],
    },
    Case {
        name: "an_inference_tells_how_far_it_is",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            infer_telling("complete", "share", 30, ms(25)),
            FirstToken("complete"),
            Progress("complete", 1),
            Progress("complete", 10),
            Expect("complete", Generated(30)),
            infer_telling("each token", "share", 10, Duration::ZERO),
            Progress("each token", 2),
            Progress("each token", 9),
            Expect("each token", Generated(10)),
            infer_telling("stopped", "share", ENDLESS, ms(50)),
            Progress("stopped", 20),
            Submit("cancel", Cancel("stopped")),
            Expect("stopped", Refused(ErrorKind::Conflict)),
            Expect("cancel", Cancelled),
        ],
    },
    Case {
        name: "an_inference_that_fails_tells_first_what_it_has_made",
        setup: Setup::of(&[grace(1, 60)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            // Only what fails has anything to tell.
            infer_telling("complete", "share", 8, Duration::MAX),
            Expect("complete", Generated(8)),
            infer_telling("stopped", "share", ENDLESS, Duration::MAX),
            FirstToken("stopped"),
            Submit("cancel", Cancel("stopped")),
            Expect("stopped", Refused(ErrorKind::Conflict)),
            Expect("cancel", Cancelled),
            infer_telling("evicted", "share", ENDLESS, Duration::MAX),
            FirstToken("evicted"),
            Submit("winner", Allocate { pool: 0, rank: 9 }),
            Expect("evicted", Refused(ErrorKind::Preempted)),
            Expect("winner", Granted),
            Holds(0, &["winner"]),
        ],
    },
    Case {
        name: "inferences_share_one_share",
        setup: Setup::of(&[slots(1)]),
        steps: &[
            allocate("share"),
            Expect("share", Granted),
            infer("long", "share", ENDLESS),
            FirstToken("long"),
            infer("short", "share", 4),
            FirstToken("short"),
            Expect("short", Generated(4)),
            Submit("cancel", Cancel("long")),
            Expect("cancel", Cancelled),
            Expect("long", Refused(ErrorKind::Conflict)),
        ],
    },
    Case {
        name: "every_ticket_is_answered_once",
        setup: Setup::of(&[slots(2), grace(1, 20)]),
        steps: &[
            allocate("a"),
            allocate("b"),
            Expect("a", Granted),
            Expect("b", Granted),
            allocate("full"),
            Submit("nowhere", Allocate { pool: 7, rank: 3 }),
            Submit("low", Allocate { pool: 1, rank: 0 }),
            Submit("pools", Pools),
            Submit("list", List(0)),
            Submit("release nothing", Release(Unknown)),
            Expect("low", Granted),
            infer("x", "a", 3),
            infer("y", "a", ENDLESS),
            infer("z", "b", ENDLESS),
            infer("w", "low", ENDLESS),
            FirstToken("y"),
            FirstToken("w"),
            Submit("cancel y", Cancel("y")),
            Submit("cancel y again", Cancel("y")),
            Submit("cancel pools", Cancel("pools")),
            Submit("high", Allocate { pool: 1, rank: 5 }),
            // What still runs on a share that is given back ends with it, one way or another.
            release("release b", "b"),
            release("release b again", "b"),
            Submit("inspect b", Inspect(Of("b"))),
            Submit("cancel z", Cancel("z")),
            Expect("full", Refused(ErrorKind::CapacityExhausted)),
            Expect("nowhere", Refused(ErrorKind::NotFound)),
            Expect("release nothing", Refused(ErrorKind::NotFound)),
            Expect("pools", Anything),
            Expect("list", Anything),
            Expect("x", Generated(3)),
            Expect("y", Refused(ErrorKind::Conflict)),
            Expect("cancel y", Cancelled),
            Expect("cancel y again", Anything),
            Expect("cancel pools", Anything),
            Expect("w", Refused(ErrorKind::Preempted)),
            Expect("high", Granted),
            // Over a network, questions in flight together may overtake each other.
            Expect("release b", Anything),
            Expect("release b again", Anything),
            Expect("inspect b", Anything),
            Expect("z", Anything),
            Expect("cancel z", Anything),
            Holds(0, &["a"]),
            Holds(1, &["high"]),
        ],
    },
    Case {
        name: "an_early_poll_is_a_no_op",
        setup: Setup { allocation_latency: ms(60), ..Setup::of(&[slots(1)]) },
        steps: &[
            allocate("share"),
            Pester("share", ms(40)),
            Unanswered("share", ms(40)),
            Expect("share", Granted),
            infer("answer", "share", 8),
            Pester("answer", ms(200)),
            Expect("answer", Generated(8)),
            Holds(0, &["share"]),
        ],
    },
];
