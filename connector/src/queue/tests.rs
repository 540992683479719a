use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos(ns)
}

#[test]
fn events_leave_earliest_first_and_ties_in_the_order_they_came() {
    let mut queue = EventQueue::new();
    for (time, name) in [(50, 'a'), (10, 'b'), (50, 'c'), (10, 'd'), (0, 'e'), (u64::MAX, 'f')] {
        queue.schedule(at(time), name);
    }
    let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
    assert_eq!(order, "ebdacf");
}

#[test]
fn a_tie_scheduled_after_its_time_began_still_comes_last() {
    let mut queue = EventQueue::new();
    queue.schedule(at(7), 1);
    queue.schedule(at(7), 2);
    assert_eq!(queue.pop(), Some((at(7), 1)));
    queue.schedule(at(7), 3);
    assert_eq!(queue.pop(), Some((at(7), 2)));
    assert_eq!(queue.pop(), Some((at(7), 3)));
}

#[test]
fn nothing_leaves_before_its_time() {
    let mut queue = EventQueue::new();
    queue.schedule(at(100), ());
    assert_eq!(queue.pop_due(at(99)), None);
    assert_eq!(queue.next_time(), Some(at(100)));
    assert_eq!(queue.pop_due(at(100)), Some((at(100), ())));
    assert_eq!(queue.next_time(), None);
}

#[test]
fn looking_ahead_in_vain_does_not_forbid_earlier_events() {
    let mut queue = EventQueue::new();
    queue.schedule(at(1_000_000), 'z');
    assert_eq!(queue.pop_due(at(10)), None);
    queue.schedule(at(20), 'a');
    assert_eq!(queue.pop(), Some((at(20), 'a')));
}

#[test]
fn an_overdue_event_is_due_at_once() {
    let mut queue = EventQueue::new();
    queue.schedule(at(100), 'a');
    queue.pop();
    queue.schedule(at(5), 'b');
    assert_eq!(queue.pop_due(at(100)), Some((at(100), 'b')));
}

#[test]
fn a_cancelled_event_never_leaves_and_cannot_be_cancelled_twice() {
    let mut queue = EventQueue::new();
    let key = queue.schedule(at(5), 'a');
    queue.schedule(at(6), 'b');
    assert_eq!(queue.cancel(key), Some('a'));
    assert_eq!(queue.cancel(key), None);
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.pop(), Some((at(6), 'b')));
    assert!(queue.is_empty());
}

#[test]
fn memory_follows_the_live_events_when_most_are_cancelled() {
    let mut queue = EventQueue::new();
    queue.schedule(at(u64::MAX), 0);
    for round in 0..200_000 {
        let key = queue.schedule(at(1_000_000 + round), 1);
        queue.cancel(key);
    }
    let held: usize = queue.buckets.iter().map(Vec::len).sum();
    assert!(held <= LEFTOVERS_TOLERATED + 2, "{held} entries kept for 1 live event");
    assert!(queue.slots.len() <= 2);
}

/// What the queue must be indistinguishable from: a map ordered by time, then insertion.
#[derive(Default)]
struct Reference {
    entries: BTreeMap<(u64, u64), u64>,
    inserted: u64,
    floor: u64,
}

#[derive(Clone, Debug)]
enum Step {
    /// At these offsets from the latest time.
    Schedule(Vec<u64>),
    PopDue(u64),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop_oneof![0..4u64, 0..100_000u64, any::<u64>()]
            .prop_map(|offset| Step::Schedule(vec![offset])),
        1 => prop::collection::vec(0..300u64, 0..200).prop_map(Step::Schedule),
        1 => prop::collection::vec(0..100_000u64, 0..200).prop_map(Step::Schedule),
        2 => (0..300u64).prop_map(Step::PopDue),
        3 => prop_oneof![0..200_000u64, Just(u64::MAX)].prop_map(Step::PopDue),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

proptest! {
    #[test]
    fn it_behaves_as_an_ordered_map(steps in prop::collection::vec(step(), 1..400)) {
        let mut queue = EventQueue::new();
        let mut reference = Reference::default();
        let mut keys = Vec::new();
        for step in steps {
            match step {
                Step::Schedule(offsets) => for offset in offsets {
                    let time = reference.floor.saturating_add(offset);
                    let id = reference.inserted;
                    reference.inserted += 1;
                    reference.entries.insert((time, id), id);
                    keys.push((queue.schedule(at(time), id), (time, id)));
                },
                Step::PopDue(ahead) => {
                    let now = reference.floor.saturating_add(ahead);
                    let first = reference.entries.first_key_value().map(|(key, _)| *key);
                    let expected = first.filter(|(time, _)| *time <= now);
                    prop_assert_eq!(queue.pop_due(at(now)), expected.map(|(t, id)| (at(t), id)));
                    if let Some(key) = expected {
                        reference.entries.remove(&key);
                        reference.floor = key.0;
                    } else if now < u64::MAX {
                        reference.floor = now;
                    }
                }
                Step::Cancel(pick) if !keys.is_empty() => {
                    let (key, entry) = keys.swap_remove(pick % keys.len());
                    prop_assert_eq!(queue.cancel(key), reference.entries.remove(&entry));
                }
                Step::Cancel(_) => {}
            }
            prop_assert_eq!(queue.len(), reference.entries.len());
            if let Some((earliest, _)) = reference.entries.first_key_value() {
                prop_assert!(queue.next_time().is_some_and(|t| t <= at(earliest.0)));
            }
        }
    }
}
