//! The suite with each quirk of the simulator on: the harness says which liberty the quirk takes
//! with the contract, and everything else of it is kept. Without being told, the suite notices.

use connector::{
    BasisPoints, Duration,
    testing::{self, Credentials, Harness, Liberty, Setup, VirtualWorld},
};
use sim::{
    Simulator,
    config::{Latency, Quirks},
};

use super::simulator;

const LAG: Duration = Duration::from_secs(2);
/// Half of all grants are struck, so that struck and other grants meet in one case.
const HALF: BasisPoints = BasisPoints::from_percent(50);

macro_rules! quirks {
    ($($name:ident: $quirks:expr, $liberties:expr;)*) => {
        $(mod $name {
            connector::conformance_tests!(
                super::$name(),
                except: [wrong_credentials_are_refused]
            );
        }

        fn $name() -> Quirky {
            Quirky { quirks: $quirks, liberties: $liberties }
        })*

        /// Every quirk, by the name that its tests have.
        fn all() -> Vec<(&'static str, Quirky)> {
            vec![$((stringify!($name), $name())),*]
        }
    };
}

quirks! {
    ghosts: Quirks { ghosts: BasisPoints::ONE, ..none() }, &[Liberty::LosesGrants];
    some_ghosts: Quirks { ghosts: HALF, ..none() }, &[Liberty::LosesGrants];
    empty_200: Quirks { empty_200: BasisPoints::ONE, ..none() }, &[Liberty::LosesGrants];
    some_empty_200: Quirks { empty_200: HALF, ..none() }, &[Liberty::LosesGrants];
    already_subscribed: Quirks { already_subscribed: true, ..none() }, &[Liberty::OneShareEach];
    foreign_rows: Quirks { foreign_rows: 5, ..none() }, &[Liberty::ListsOthers];
    eventual_lists: Quirks { eventual_lists: LAG, ..none() }, &[Liberty::ListsLate(LAG)];
    slow_release: Quirks { slow_release: Some(Latency::Fixed(LAG)), ..none() },
        &[Liberty::ReleasesLate(LAG)];
    policy_500: Quirks { policy_500: true, ..none() }, &[Liberty::HidesRefusals];
    zero_usage: Quirks { zero_usage: true, ..none() }, &[Liberty::CountsNothing];
    ghosts_in_eventual_lists:
        Quirks { ghosts: HALF, empty_200: HALF, eventual_lists: LAG, ..none() },
        &[Liberty::LosesGrants, Liberty::ListsLate(LAG)];
}

#[test]
fn a_liberty_that_is_not_granted_fails() {
    for (name, quirky) in all() {
        let report = testing::run(&mut Quirky { liberties: &[], ..quirky });
        assert!(!report.failed.is_empty(), "{name}: {report}");
    }
}

#[test]
fn a_liberty_that_is_not_taken_costs_nothing() {
    for (name, quirky) in all() {
        let report = testing::run(&mut Quirky { quirks: none(), ..quirky });
        assert!(report.is_clean_except(&["wrong_credentials_are_refused"]), "{name}: {report}");
    }
}

fn none() -> Quirks {
    Quirks::default()
}

/// The simulator with quirks, and what the suite is told of them.
#[derive(Clone, Copy, Debug)]
struct Quirky {
    quirks: Quirks,
    liberties: &'static [Liberty],
}

impl Harness for Quirky {
    type World = VirtualWorld<Simulator>;

    fn build(&mut self, setup: &Setup) -> Option<Self::World> {
        let right = setup.credentials == Credentials::Right;
        right.then(|| VirtualWorld::new(simulator(setup, self.quirks)))
    }

    fn liberties(&self) -> &[Liberty] {
        self.liberties
    }
}
