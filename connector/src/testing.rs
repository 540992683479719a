//! The conformance suite: what every connector must do, whoever is behind it.
//!
//! A simulator may be trusted only as far as it behaves like the endpoint it stands for. So the
//! contract of [`Connector`] is written down once more, as cases that run: each is a
//! [`Setup`] of the far side and a list of [`Step`]s, and the same cases are held against the
//! simulator, the live adapter and a recording.
//!
//! # Mechanism
//!
//! The owner of a connector implements [`Harness`], which builds a [`World`]: a connector over a far
//! side set up as described, and its time. In virtual time that is [`VirtualWorld`]; over a network,
//! time is the real one. [`run`] takes every case in turn and reports all failures by name;
//! [`conformance_tests!`](crate::conformance_tests) makes one test of each.
//!
//! Besides its own expectations every case checks what the contract says of all conversations: each
//! ticket is answered exactly once, a first token comes at most once, before the answer and only
//! where a stream was asked for, progress is told as often as was asked at most, of ever more tokens,
//! and before a failure that comes after a first token, notices come before the loss, time never goes
//! back, and a deadline that has been drained lies ahead.
//!
//! # Edges
//!
//! In real time anything may take longer than planned, so no case fails for being slow: lower
//! bounds are checked against the events' own times, and [`PATIENCE`] bounds the wait for what
//! should come at all.
//!
//! A far side may be known to take [liberties](Liberty) with a rule: it loses the answers of grants,
//! or its lists are behind. The harness says which, and the suite moves that rule's border to where
//! a careful caller can still hold it to it; no case is left out. A far side that takes a liberty
//! which its harness does not grant fails.
//!
//! A case may make no sense for a kind of far side (one without shares cannot be full). The harness
//! names it with the reason, and it must not go well.
//!
//! A connector that cannot be set up in some way (a simulator has no credentials) refuses to build
//! that world; such cases must be named, so that none is left out unnoticed.

mod case;
mod cases;
mod conversation;
mod liberty;
mod report;
mod virtual_world;

pub use case::{Ask, Case, Credentials, Expected, Name, PoolSetup, Setup, Share, Step};
pub use cases::CASES;
pub use liberty::Liberty;
pub use report::{Failure, Report, Verdict, assert_conforms, check, run};
pub use virtual_world::VirtualWorld;

use crate::{Connector, Duration, Timestamp};

/// How long an answer that must come is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Builds worlds for the suite.
pub trait Harness {
    /// What it builds.
    type World: World;

    /// A fresh far side set up as described and a connector to it, or `None` if this connector
    /// cannot be set up so.
    fn build(&mut self, setup: &Setup) -> Option<Self::World>;

    /// What the far side may do besides what the cases say. Default: nothing.
    fn liberties(&self) -> &[Liberty] {
        &[]
    }

    /// Cases that make no sense for this far side, each with the reason. They are held against it all
    /// the same and must not go well, or they made sense after all; they are named like those that
    /// cannot be set up. Default: none.
    fn senseless(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

/// A connector, the far side behind it, and their time.
pub trait World {
    /// The connector under test.
    type Connector: Connector;

    /// The connector under test.
    fn connector(&mut self) -> &mut Self::Connector;

    /// The present.
    fn now(&self) -> Timestamp;

    /// Lets time pass until `until`, or less if the connector may have something to say before.
    /// After it, either [`now`](Self::now) is `until` or later, or a poll is worthwhile.
    fn wait_until(&mut self, until: Timestamp);
}

/// Makes one test of each conformance case.
///
/// The harness is an expression evaluated anew for every test. Cases whose set-up it refuses are
/// named after `except`; a case that is named but can be set up fails, like any other mistake.
///
/// ```ignore
/// mod conformance {
///     connector::conformance_tests!(MyHarness::new(), except: [wrong_credentials_are_refused]);
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_tests!($harness, except: []);
    };
    ($harness:expr, except: $except:tt) => {
        $crate::conformance_tests!(@each $harness, $except:
            grant_infer_release
            a_full_pool_refuses_at_once
            a_late_grant_arrives_and_can_be_released
            a_second_release_is_not_found
            an_unknown_share_is_not_found
            an_unknown_pool_is_not_found
            an_inference_in_flight_is_cancelled
            a_preempted_inference_ends_as_such
            an_inference_that_ends_within_the_grace_survives
            a_listing_shows_exactly_what_is_held
            the_pools_on_offer_show_what_is_free
            wrong_credentials_are_refused
            the_first_token_comes_once_and_only_if_asked_for
            an_inference_tells_how_far_it_is
            an_inference_that_fails_tells_first_what_it_has_made
            inferences_share_one_share
            every_ticket_is_answered_once
            an_early_poll_is_a_no_op
        );
    };
    (@each $harness:expr, $except:tt: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance_tests!(@one $harness, $case, $except);
            }
        )*
        /// The cases above, as the macro lists them.
        #[test]
        fn no_case_is_missing_from_this_list() {
            let listed = [$(stringify!($case)),*];
            assert!($crate::testing::CASES.iter().map(|case| case.name).eq(listed));
        }
    };
    (@one $harness:expr, $case:ident, [$($except:ident),* $(,)?]) => {
        $crate::testing::assert_conforms(
            &mut $harness,
            stringify!($case),
            &[$(stringify!($except)),*],
        );
    };
}
