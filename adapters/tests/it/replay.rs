//! Recordings as connectors: strictly, and by what is nearest.

use std::collections::{BTreeMap, BTreeSet};

use adapters::{
    recording::{Ending, Entry, Recording},
    replay::{Divergence, Gap, Nearest, Strict},
};
use connector::{
    Allocate, AllocationId, Connector, Duration, Error, ErrorKind, Event, EventKind, Infer,
    Mebibytes, ModelId, Names, Operation, PoolId, Priority, Prompt, Reply, Requirements,
    Temperature, TenantId, Tflops, Ticket, Timestamp, Tokens, Usage,
};
use proptest::{collection::vec, prelude::*};

use crate::recording::header;

fn ms(n: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(n)
}

fn asked(at: u64, ticket: u64, operation: Operation) -> Entry {
    Entry::Asked { at: ms(at), connector: 0, ticket: Ticket(ticket), operation }
}

fn told(at: u64, kind: EventKind) -> Entry {
    Entry::Told { polled: ms(at), connector: 0, event: Event { at: ms(at), kind } }
}

fn done(ticket: u64, result: Result<Reply, Error>) -> EventKind {
    EventKind::Completed { ticket: Ticket(ticket), result }
}

fn allocate(pool: u32) -> Operation {
    Operation::Allocate(Allocate {
        pool: PoolId(pool),
        model: ModelId(0),
        requirements: Requirements { tflops: Tflops::new(5), vram: Mebibytes::new(2048) },
        overcommit: true,
        preemptible: true,
        priority: Priority::new(3).unwrap(),
        tenant: TenantId(0),
    })
}

fn infer(share: u64, prompt: u32, most: u32) -> Operation {
    Operation::Infer(Infer {
        allocation: AllocationId(share),
        prompt: Prompt::of_length(Tokens::new(prompt)),
        max_tokens: Tokens::new(most),
        temperature: Temperature::default(),
        stream: true,
        progress: Some(Duration::from_millis(10)),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "answers are compared with it")]
fn generated(prompt: u32, output: u32) -> Result<Reply, Error> {
    let usage = Usage::computed(Tokens::new(prompt), Tokens::new(output));
    Ok(Reply::Generated { usage, text: None })
}

/// Two grants, one of them refused, two inferences of different sizes, one that lost its share, a release,
/// a list, and the pools.
fn recording() -> Recording {
    let granted = |share| Ok(Reply::Granted { allocation: AllocationId(share) });
    let entries = vec![
        asked(0, 1, allocate(0)),
        asked(1, 2, allocate(0)),
        told(40, done(1, granted(77))),
        told(45, done(2, Err(ErrorKind::CapacityExhausted.into()))),
        asked(50, 3, infer(77, 100, 10)),
        told(60, EventKind::FirstToken { ticket: Ticket(3) }),
        told(150, done(3, generated(100, 10))),
        asked(200, 4, infer(77, 5_000, 100)),
        told(500, EventKind::FirstToken { ticket: Ticket(4) }),
        told(1_700, done(4, generated(5_000, 60))),
        asked(1_800, 5, infer(77, 100_000, 1_000)),
        told(1_900, EventKind::FirstToken { ticket: Ticket(5) }),
        told(
            2_000,
            EventKind::Preempted {
                allocation: AllocationId(77),
                grace: Duration::from_millis(100),
            },
        ),
        told(2_100, EventKind::Progress { ticket: Ticket(5), tokens: Tokens::new(7), text: None }),
        told(2_100, done(5, Err(ErrorKind::Preempted.into()))),
        asked(2_200, 6, Operation::Release { allocation: AllocationId(77) }),
        told(2_220, done(6, Err(ErrorKind::NotFound.into()))),
        asked(2_300, 7, Operation::List { pool: PoolId(0) }),
        told(2_310, done(7, Ok(Reply::Listed(Vec::new())))),
        asked(2_400, 8, Operation::Pools),
        told(2_405, done(8, Ok(Reply::Pools(Vec::new())))),
    ];
    let ending = Ending::Complete { digest: None };
    Recording { header: header(false), entries, ending }
}

fn strict() -> Strict {
    Strict::of(recording()).unwrap().remove(0)
}

fn heard(connector: &mut impl Connector, until: Timestamp) -> Vec<Event> {
    let mut heard = Vec::new();
    loop {
        let next = connector.deadline().filter(|at| *at <= until).unwrap_or(until);
        while let Some(event) = connector.poll(next) {
            heard.push(event);
        }
        if connector.deadline().is_none_or(|at| at > until) {
            return heard;
        }
    }
}

#[test]
fn events_come_when_they_were_recorded_once_their_questions_are_asked() {
    let mut strict = strict();
    assert_eq!(strict.deadline(), None, "nobody has asked");
    strict.submit(ms(0), Ticket(1), allocate(0));
    assert_eq!(strict.deadline(), None, "another question came before the answer");
    strict.submit(ms(1), Ticket(2), allocate(0));
    assert_eq!(strict.deadline(), Some(ms(40)));
    assert_eq!(strict.poll(ms(39)), None);
    let events = heard(&mut strict, ms(48));
    assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [ms(40), ms(45)]);
    // Asked later than it was: the answer cannot come before the question.
    strict.submit(ms(70), Ticket(3), infer(77, 100, 10));
    assert_eq!(strict.poll(ms(70)).unwrap().at, ms(70));
    let left = strict.verdict().unwrap_err();
    assert!(matches!(left, Divergence::Missing { asked: 3, left: 5, .. }), "{left}");
}

#[test]
fn another_operation_is_refused_and_named_and_so_is_all_that_follows() {
    let mut strict = strict();
    strict.submit(ms(0), Ticket(1), allocate(0));
    strict.submit(ms(1), Ticket(2), allocate(1));
    let divergence = strict.divergence().unwrap().to_string();
    assert!(divergence.starts_with("operation 2 at 0.001 s is #2 Allocate"), "{divergence}");
    assert!(divergence.contains("PoolId(1)") && divergence.contains("PoolId(0)"), "{divergence}");
    strict.submit(ms(2), Ticket(3), Operation::Pools);
    let events = heard(&mut strict, ms(10_000));
    let refused = events.iter().map(|event| match &event.kind {
        EventKind::Completed { ticket, result: Err(error) } => (ticket.0, error.kind),
        other => panic!("{other:?}"),
    });
    let invalid = ErrorKind::Invalid;
    assert_eq!(refused.collect::<Vec<_>>(), [(1, invalid), (2, invalid), (3, invalid)]);
    assert_eq!(strict.deadline(), None);
}

#[test]
fn an_operation_after_the_end_is_refused_and_says_whether_it_was_cut_off() {
    for (ending, cut) in [(Ending::Complete { digest: None }, false), (Ending::Cut, true)] {
        let entries = recording().entries.into_iter().take(1).collect();
        let short = Recording { entries, ending, ..recording() };
        let mut strict = Strict::of(short).unwrap().remove(0);
        strict.submit(ms(0), Ticket(1), allocate(0));
        assert_eq!(strict.verdict(), Ok(()));
        strict.submit(ms(1), Ticket(2), allocate(0));
        let beyond = strict.verdict().unwrap_err();
        assert!(
            matches!(beyond, Divergence::Beyond { number: 2, cut: was, .. } if was == cut),
            "{beyond}"
        );
    }
}

#[test]
fn a_recording_with_gaps_is_not_replayed_strictly() {
    let mut gaps = recording();
    gaps.entries.insert(3, Entry::Lost(7));
    gaps.entries.push(Entry::Lost(u64::MAX));
    assert_eq!(Strict::of(gaps).unwrap_err(), Gap { lost: u64::MAX });
}

fn nearest() -> Nearest {
    Nearest::new(&recording(), &header(false).names)
}

/// Asks and waits for the answer; how long it took, and what came before.
fn ask(
    nearest: &mut Nearest,
    now: &mut Timestamp,
    ticket: u64,
    operation: Operation,
) -> (Duration, Result<Reply, Error>, Vec<EventKind>) {
    let asked = *now;
    nearest.submit(asked, Ticket(ticket), operation);
    let mut before = Vec::new();
    loop {
        *now = nearest.deadline().expect("an answer comes").max(*now);
        while let Some(event) = nearest.poll(*now) {
            match event.kind {
                EventKind::Completed { ticket: of, result } if of.0 == ticket => {
                    return (event.at.since(asked), result, before);
                }
                other => before.push(other),
            }
        }
    }
}

#[test]
fn questions_are_answered_as_those_of_their_size_and_outcomes_come_in_turn() {
    let mut nearest = nearest();
    let mut now = ms(7);
    let milliseconds = Duration::from_millis;
    let mut grant = |nearest: &mut Nearest, ticket| ask(nearest, &mut now, ticket, allocate(0));
    let (took, first, _) = grant(&mut nearest, 1);
    assert_eq!(took, milliseconds(40));
    let Ok(Reply::Granted { allocation: share }) = first else { panic!("{first:?}") };
    let (took, second, _) = grant(&mut nearest, 2);
    assert_eq!((took, second), (milliseconds(44), Err(ErrorKind::CapacityExhausted.into())));
    let (_, third, _) = grant(&mut nearest, 3);
    assert!(matches!(third, Ok(Reply::Granted { allocation }) if allocation != share), "{third:?}");

    // One that filled its limit fills any; one that did not makes what it made.
    let (took, small, told) = ask(&mut nearest, &mut now, 4, infer(share.0, 90, 12));
    assert_eq!((took, small), (milliseconds(100), generated(90, 12)));
    assert!(matches!(told[0], EventKind::FirstToken { .. }), "{told:?}");
    assert!(
        told.len() > 2 && told[1..].iter().all(|event| matches!(event, EventKind::Progress { .. }))
    );
    let (took, large, _) = ask(&mut nearest, &mut now, 5, infer(share.0, 4_500, 100));
    assert_eq!((took, large), (milliseconds(1_500), generated(4_500, 60)));

    // One that lost its share loses it, with notice and with what was made.
    let (took, lost, told) = ask(&mut nearest, &mut now, 6, infer(share.0, 100_000, 900));
    assert_eq!((took, lost), (milliseconds(300), Err(ErrorKind::Preempted.into())));
    assert!(told.iter().any(
        |event| matches!(event, EventKind::Preempted { allocation, .. } if *allocation == share)
    ));
    assert!(
        matches!(told.last(), Some(EventKind::Progress { tokens, .. }) if tokens.get() == 7),
        "{told:?}"
    );
    let gone = Operation::Release { allocation: share };
    let (_, gone, _) = ask(&mut nearest, &mut now, 7, gone);
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(nearest.unanswerable(), 0);
}

#[test]
fn what_the_recording_does_not_have_is_refused() {
    let names =
        Names { pools: vec!["elsewhere".to_owned(), "cheap".to_owned()], ..Names::default() };
    let mut nearest = Nearest::new(&recording(), &names);
    let mut now = ms(0);
    let (_, unknown, _) = ask(&mut nearest, &mut now, 1, allocate(0));
    assert_eq!(unknown.unwrap_err().kind, ErrorKind::NotFound);
    let (_, known, _) = ask(&mut nearest, &mut now, 2, allocate(1));
    assert!(known.is_ok(), "the pool is found by its name");
    let mut empty =
        Nearest::new(&Recording { entries: Vec::new(), ..recording() }, &header(false).names);
    let (_, refused, _) = ask(&mut empty, &mut now, 3, allocate(0));
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unavailable { reached: false });
    assert_eq!(empty.unanswerable(), 1);
}

/// What a random caller does next.
#[derive(Clone, Copy, Debug)]
enum Move {
    Allocate,
    Infer(usize, u32, u32),
    Cancel(usize),
    Release(usize),
    Inspect(usize),
    List,
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => Just(Move::Allocate),
        4 => (0_usize..8, 1_u32..200_000, 1_u32..2_000).prop_map(|(share, prompt, most)| Move::Infer(share, prompt, most)),
        1 => (0_usize..8).prop_map(Move::Cancel),
        2 => (0_usize..8).prop_map(Move::Release),
        1 => (0_usize..8).prop_map(Move::Inspect),
        1 => Just(Move::List),
        4 => (0_u64..2_000).prop_map(Move::Wait),
    ];
    vec(one, 1..60)
}

/// What is known of the shares from what was said alone.
#[derive(Default)]
struct Caller {
    tickets: u64,
    asked: BTreeMap<Ticket, Operation>,
    answered: BTreeSet<Ticket>,
    granted: Vec<AllocationId>,
    held: BTreeSet<AllocationId>,
    latest: Timestamp,
    /// Tokens told of, by inference.
    told: BTreeMap<Ticket, Tokens>,
}

impl Caller {
    fn hear(&mut self, event: Event) -> Result<(), TestCaseError> {
        prop_assert!(event.at >= self.latest);
        self.latest = event.at;
        match event.kind {
            EventKind::FirstToken { ticket } => prop_assert!(!self.answered.contains(&ticket)),
            EventKind::Progress { ticket, tokens, .. } => {
                prop_assert!(!self.answered.contains(&ticket));
                let before = self.told.insert(ticket, tokens);
                prop_assert!(before.is_none_or(|before| before < tokens));
            }
            EventKind::Preempted { allocation, .. } => {
                prop_assert!(self.granted.contains(&allocation));
            }
            EventKind::Completed { ticket, result } => self.answered(ticket, result)?,
        }
        Ok(())
    }

    fn answered(
        &mut self,
        ticket: Ticket,
        result: Result<Reply, Error>,
    ) -> Result<(), TestCaseError> {
        prop_assert!(self.answered.insert(ticket), "answered twice");
        let operation = self.asked.get(&ticket).cloned();
        prop_assert!(operation.is_some(), "nobody asked");
        match (operation.unwrap(), result) {
            (_, Ok(Reply::Granted { allocation })) => {
                prop_assert!(!self.granted.contains(&allocation), "granted twice");
                self.granted.push(allocation);
                self.held.insert(allocation);
            }
            (Operation::Release { allocation }, Ok(Reply::Released)) => {
                prop_assert!(self.held.remove(&allocation));
            }
            (Operation::Infer(infer), Err(Error { kind: ErrorKind::Preempted, .. })) => {
                self.held.remove(&infer.allocation);
            }
            (Operation::Infer(infer), Ok(Reply::Generated { usage, .. })) => {
                prop_assert!(usage.output <= infer.max_tokens);
                prop_assert_eq!(usage.prompt, infer.prompt.tokens);
            }
            _ => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn shares_and_answers_agree_whatever_is_asked(moves in moves()) {
        let mut nearest = nearest();
        let mut caller = Caller::default();
        let mut now = ms(0);
        for one in moves {
            let share = |index: usize| {
                let some = caller.granted.get(index % caller.granted.len().max(1));
                some.copied().unwrap_or(AllocationId(999))
            };
            let operation = match one {
                Move::Allocate => allocate(0),
                Move::Infer(index, prompt, most) => infer(share(index).0, prompt, most),
                Move::Cancel(back) => {
                    Operation::Cancel { inference: Ticket(caller.tickets.saturating_sub(back as u64)) }
                }
                Move::Release(index) => Operation::Release { allocation: share(index) },
                Move::Inspect(index) => Operation::Inspect { allocation: share(index) },
                Move::List => Operation::List { pool: PoolId(0) },
                Move::Wait(wait) => {
                    let until = now + Duration::from_millis(wait);
                    for event in heard(&mut nearest, until) {
                        caller.hear(event)?;
                    }
                    now = until;
                    continue;
                }
            };
            caller.tickets += 1;
            let ticket = Ticket(caller.tickets);
            caller.asked.insert(ticket, operation.clone());
            nearest.submit(now, ticket, operation);
        }
        let end = now + Duration::from_secs(100);
        for event in heard(&mut nearest, end) {
            caller.hear(event)?;
        }
        prop_assert_eq!(nearest.deadline(), None);
        prop_assert_eq!(caller.answered.len(), caller.asked.len());
        // Once everything is quiet, the list is what the answers have said.
        nearest.submit(end, Ticket(u64::MAX), Operation::List { pool: PoolId(0) });
        let last = heard(&mut nearest, end + Duration::from_secs(10)).pop().unwrap();
        let EventKind::Completed { result: Ok(Reply::Listed(infos)), .. } = last.kind else {
            panic!("{last:?}")
        };
        let listed: BTreeSet<_> = infos.iter().map(|info| info.allocation).collect();
        prop_assert_eq!(listed, caller.held);
    }
}
