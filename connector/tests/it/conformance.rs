use connector::testing::{self, Harness, Setup, Verdict, VirtualWorld, World as _};

use crate::reference::{Flaw, Reference, ReferenceHarness};

mod the_reference_conforms {
    use crate::reference::ReferenceHarness;

    connector::conformance_tests!(ReferenceHarness(None));
}

#[test]
fn the_suite_reports_what_passed() {
    let report = testing::run(&mut ReferenceHarness(None));
    assert!(report.is_clean_except(&[]), "{report}");
    assert_eq!(report.passed.len(), testing::CASES.len());
}

#[test]
fn every_flaw_is_caught_where_it_shows() {
    for (flaw, case, words) in FLAWS {
        let report = testing::run(&mut ReferenceHarness(Some(*flaw)));
        let failure = report.failed.iter().find(|failure| failure.case == *case);
        let reason = failure.map(|failure| failure.reason.as_str());
        let headline = reason.and_then(|reason| reason.lines().next());
        assert!(
            headline.is_some_and(|line| line.contains(words)),
            "{flaw:?} in {case}: expected `{words}`, got {headline:?}; {:?}",
            report.failed.iter().map(|f| (f.case, f.reason.lines().next())).collect::<Vec<_>>()
        );
    }
}

#[test]
fn every_case_can_fail() {
    for case in testing::CASES {
        assert!(FLAWS.iter().any(|(_, caught, _)| *caught == case.name), "{}", case.name);
    }
}

#[test]
fn a_case_that_cannot_be_set_up_is_skipped_by_name() {
    let report = testing::run(&mut WithoutCredentials);
    assert_eq!(report.skipped, ["wrong_credentials_are_refused"]);
    assert!(!report.is_clean_except(&[]));
    assert!(report.is_clean_except(&["wrong_credentials_are_refused"]), "{report}");
}

#[test]
#[should_panic(expected = "cannot be set up and is not excepted")]
fn a_skipped_case_that_is_not_excepted_fails() {
    testing::assert_conforms(&mut WithoutCredentials, "wrong_credentials_are_refused", &[]);
}

#[test]
#[should_panic(expected = "is excepted although it passes")]
fn an_excepted_case_that_passes_fails() {
    let harness = &mut ReferenceHarness(None);
    testing::assert_conforms(harness, "grant_infer_release", &["grant_infer_release"]);
}

#[test]
fn a_failure_tells_what_was_heard() {
    let harness = &mut ReferenceHarness(Some(Flaw::AnswersTwice));
    let Verdict::Failed(reason) = testing::check(harness, &testing::CASES[0]) else {
        panic!("caught")
    };
    assert!(reason.contains("submit #0 share: Allocate"), "{reason}");
    assert!(reason.contains("heard Event"), "{reason}");
}

#[test]
fn virtual_time_stops_at_deadlines_and_never_goes_back() {
    let case = &testing::CASES[0];
    let mut world = VirtualWorld::new(Reference::new(&case.setup, None));
    let ahead = connector::Timestamp::from_nanos(7);
    world.wait_until(ahead);
    assert_eq!(world.now(), ahead);
    world.wait_until(connector::Timestamp::ZERO);
    assert_eq!(world.now(), ahead);
}

/// Each flaw, a case that must catch it, and what the failure must say.
const FLAWS: &[(Flaw, &str, &str)] = &[
    (Flaw::GrantsBeyondTheSlots, "a_full_pool_refuses_at_once", "`third` was answered with Ok"),
    (Flaw::QueuesWhenFull, "a_full_pool_refuses_at_once", "not answered within 2s"),
    (Flaw::RefusesSlowlyWhenFull, "a_full_pool_refuses_at_once", "not answered within 2s"),
    (Flaw::GrantsWhatItRefused, "a_full_pool_refuses_at_once", "pool 0 lists"),
    (
        Flaw::ForgetsLateGrants,
        "a_late_grant_arrives_and_can_be_released",
        "`late` was not answered",
    ),
    (Flaw::AnswersBeforeItsTime, "a_late_grant_arrives_and_can_be_released", "too early"),
    (Flaw::ReleasesTwice, "a_second_release_is_not_found", "`twice` was answered with Ok"),
    (Flaw::ReleasesInWordOnly, "grant_infer_release", "pool 0 lists"),
    (Flaw::TakesReleasesOfAnything, "an_unknown_share_is_not_found", "`release`"),
    (Flaw::InfersOnAnything, "an_unknown_share_is_not_found", "`infer`"),
    (Flaw::InspectsAnything, "an_unknown_share_is_not_found", "`inspect`"),
    (Flaw::KnowsEveryPool, "an_unknown_pool_is_not_found", "`share`"),
    (Flaw::ListsEveryPool, "an_unknown_pool_is_not_found", "`list`"),
    (
        Flaw::IgnoresCancellations,
        "an_inference_in_flight_is_cancelled",
        "`endless` was not answered",
    ),
    (Flaw::LeavesCancelledInferencesOpen, "an_inference_in_flight_is_cancelled", "`endless`"),
    (Flaw::EndsTheShareWithACancelledInference, "an_inference_in_flight_is_cancelled", "`next`"),
    (Flaw::CallsPreemptionUnavailable, "a_preempted_inference_ends_as_such", "`endless`"),
    (Flaw::GivesNoticeAfterTheLoss, "a_preempted_inference_ends_as_such", "came after its loss"),
    (Flaw::KeepsPreemptedSharesListed, "a_preempted_inference_ends_as_such", "pool 0 lists"),
    (
        Flaw::PreemptsWithoutGrace,
        "an_inference_that_ends_within_the_grace_survives",
        "`short` was answered with Err",
    ),
    (Flaw::RefusesTheWinner, "a_preempted_inference_ends_as_such", "`winner`"),
    (Flaw::ListsNothing, "a_listing_shows_exactly_what_is_held", "pool 0 lists []"),
    (Flaw::ListsOtherPoolsToo, "a_listing_shows_exactly_what_is_held", "pool 0 lists"),
    (
        Flaw::InspectsAnotherPool,
        "a_listing_shows_exactly_what_is_held",
        "is not what was asked for",
    ),
    (Flaw::CountsNoFreeSlots, "the_pools_on_offer_show_what_is_free", "`idle`"),
    (Flaw::TakesAnyCredentials, "wrong_credentials_are_refused", "`share` was answered with Ok"),
    (
        Flaw::TellsNoFirstToken,
        "the_first_token_comes_once_and_only_if_asked_for",
        "had no first token",
    ),
    (
        Flaw::TellsFirstTokensTwice,
        "the_first_token_comes_once_and_only_if_asked_for",
        "two first tokens",
    ),
    (
        Flaw::TellsFirstTokensUnasked,
        "the_first_token_comes_once_and_only_if_asked_for",
        "asked for no stream",
    ),
    (Flaw::TellsFirstTokensLast, "grant_infer_release", "had no first token"),
    (Flaw::TellsNoProgress, "an_inference_tells_how_far_it_is", "never of 1"),
    (Flaw::TellsProgressUnasked, "grant_infer_release", "was not asked to"),
    (Flaw::TellsProgressAgain, "an_inference_tells_how_far_it_is", "tokens of"),
    (Flaw::TellsProgressTooOften, "an_inference_tells_how_far_it_is", "periods"),
    (
        Flaw::TellsProgressBeforeTheFirstToken,
        "an_inference_tells_how_far_it_is",
        "before its first token",
    ),
    (Flaw::TellsProgressAfterTheAnswer, "an_inference_tells_how_far_it_is", "after its answer"),
    (
        Flaw::TellsProgressWithoutFailure,
        "an_inference_that_fails_tells_first_what_it_has_made",
        "although it did not fail",
    ),
    (
        Flaw::FailsWithoutProgress,
        "an_inference_that_fails_tells_first_what_it_has_made",
        "did not tell what it had made",
    ),
    (Flaw::AnswersTwice, "grant_infer_release", "`release` was answered twice"),
    (Flaw::AnswersStrangers, "every_ticket_is_answered_once", "nobody asked"),
    (Flaw::SwallowsInspections, "every_ticket_is_answered_once", "`inspect b` was not answered"),
    (Flaw::CountsTokensWrongly, "grant_infer_release", "instead of Generated(3)"),
    (Flaw::RunsOneInferenceAtATime, "inferences_share_one_share", "`short`"),
    (Flaw::DeliversEarlyWhenPolled, "an_early_poll_is_a_no_op", "out of order"),
    (Flaw::LosesWhatIsPolledEarly, "an_early_poll_is_a_no_op", "was not answered"),
    (Flaw::GoesBackInTime, "every_ticket_is_answered_once", "out of order"),
    (Flaw::ReportsAPastDeadline, "grant_infer_release", "a busy loop"),
    (Flaw::NumbersSharesAlike, "a_listing_shows_exactly_what_is_held", "was granted twice"),
];

/// A connector that has no credentials to present.
struct WithoutCredentials;

impl Harness for WithoutCredentials {
    type World = VirtualWorld<Reference>;

    fn build(&mut self, setup: &Setup) -> Option<Self::World> {
        let right = setup.credentials == testing::Credentials::Right;
        right.then(|| ReferenceHarness(None).build(setup)).flatten()
    }
}
