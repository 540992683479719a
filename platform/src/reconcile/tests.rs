use slotmap::SlotMap;

use super::*;
use crate::question::Question;

#[test]
fn a_listed_share_of_no_lease_is_a_ghost_at_once_if_nothing_is_unanswered() {
    let mut reconciler = Reconciler::default();
    assert_eq!(reconciler.doubt(), (1, true));
    assert_eq!(list(&mut reconciler, &[1, 2, 3], &[2]), shares(&[1, 3]));
}

#[test]
fn each_list_waits_for_the_allocations_before_it_and_for_no_later_ones() {
    let mut reconciler = Reconciler::default();
    let first = reconciler.asked();
    assert!(list(&mut reconciler, &[10], &[]).is_empty());
    let second = reconciler.asked();
    assert!(list(&mut reconciler, &[10, 20], &[]).is_empty());
    let third = reconciler.asked();
    assert_eq!(reconciler.answered(third), shares(&[]));
    assert_eq!(reconciler.answered(first), shares(&[10]));
    assert_eq!(reconciler.answered(second), shares(&[20]));
}

#[test]
fn a_claimed_share_is_nobodys_ghost() {
    let mut reconciler = Reconciler::default();
    let number = reconciler.asked();
    assert!(list(&mut reconciler, &[1, 2], &[]).is_empty());
    reconciler.claimed(AllocationId(1));
    assert_eq!(reconciler.answered(number), shares(&[2]));
}

#[test]
fn a_round_that_is_wanted_during_another_begins_after_it() {
    let mut reconciler = Reconciler::default();
    assert_eq!(reconciler.doubt(), (1, true));
    assert_eq!(reconciler.doubt(), (2, false));
    assert_eq!(reconciler.doubt(), (2, false));
    assert!(!reconciler.is_over(1));
    assert!(reconciler.end_round(), "the second begins");
    assert!(reconciler.is_over(1) && !reconciler.is_over(2));
    assert!(!reconciler.end_round());
    assert!(reconciler.is_over(2) && !reconciler.busy());
}

#[test]
fn a_list_is_asked_for_three_times_or_once_if_there_is_no_hope() {
    let mut keys = SlotMap::<QuestionKey, Question>::with_key();
    let mut ask = || keys.insert(Question::Cancel);
    let mut reconciler = Reconciler::default();
    for hopeless in [false, true] {
        let _ = reconciler.doubt();
        let mut outcomes = Vec::new();
        while outcomes.last() != Some(&ListFailure::GivenUp) {
            let (question, other) = (ask(), ask());
            reconciler.listing(question);
            assert_eq!(reconciler.list_failed(other, hopeless), ListFailure::Stale);
            outcomes.push(reconciler.list_failed(question, hopeless));
        }
        assert_eq!(outcomes.len(), if hopeless { 1 } else { 3 });
        assert!(!reconciler.end_round());
    }
}

fn list(reconciler: &mut Reconciler, listed: &[u64], known: &[u64]) -> Suspects {
    let listed = listed.iter().map(|&share| (AllocationId(share), None));
    reconciler.listed(Timestamp::ZERO, listed, &known.iter().copied().map(AllocationId).collect())
}

fn shares(names: &[u64]) -> Suspects {
    names.iter().map(|&share| (AllocationId(share), None)).collect()
}
