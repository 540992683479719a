//! The suite on HostedAI's own API: plain, with everything on that its clients met on the wire, and with
//! the simulator's own quirks. A careful client hides all of it, so there is hardly a liberty to grant.
//!
//! Cases that the dialect cannot have are those with preemption: a subscription has no rank, so nothing
//! can be taken away for a higher one.

use std::time::Duration as StdDuration;

use adapters::gpuaas::GpuaasOptions;
use connector::{
    BasisPoints, Duration,
    testing::{self, Harness, Liberty, Setup},
};
use harpoon::mock::{GpuaasQuirk, GpuaasQuirks};
use sim::config::{Latency, Quirks};

use super::HttpWorld;

pub(super) const PREEMPTION: [&str; 4] = [
    "a_preempted_inference_ends_as_such",
    "an_inference_that_ends_within_the_grace_survives",
    "an_inference_that_fails_tells_first_what_it_has_made",
    "every_ticket_is_answered_once",
];

/// How late is what is late.
const LATE: StdDuration = StdDuration::from_millis(300);
/// The same where it must outlast a client's patience.
const LATER: StdDuration = StdDuration::from_secs(2);
/// As long, for the simulator's quirks.
const LAG: Duration = Duration::from_millis(300);

mod plain {
    connector::conformance_tests!(super::Gpuaas::default(), except: [
        a_preempted_inference_ends_as_such,
        an_inference_that_ends_within_the_grace_survives,
        an_inference_that_fails_tells_first_what_it_has_made,
        every_ticket_is_answered_once,
    ]);
}

/// One test for each: every case holds.
macro_rules! with_quirks {
    ($($name:ident: $harness:expr;)*) => {
        $(#[test]
        fn $name() {
            let report = testing::run(&mut $harness);
            assert!(report.is_clean_except(&PREEMPTION), "{report}");
        })*
    };
}

with_quirks! {
    p01_slow_subscribe: on(GpuaasQuirk::SlowSubscribe);
    p02_empty_subscribe: on(GpuaasQuirk::EmptySubscribe);
    p03_lagging_list: on(GpuaasQuirk::LaggingList);
    p05_slow_unsubscribe: on(GpuaasQuirk::SlowUnsubscribe);
    p06_conflict_after_gone: on(GpuaasQuirk::ConflictAfterGone);
    p07_many_pods: on(GpuaasQuirk::ManyPods);
    p12_late_pods: on(GpuaasQuirk::LatePods);
    p13_foreign_rows: on(GpuaasQuirk::ForeignRows);
    p14_untagged_rows: on(GpuaasQuirk::UntaggedRows);
    p15_text_ids: on(GpuaasQuirk::TextIds);
    p16_aliases: on(GpuaasQuirk::Aliases);
    p19_plain_text: on(GpuaasQuirk::PlainText);
    p21_slow_region: on(GpuaasQuirk::SlowRegion);
    p22_silent_unsubscribe: on(GpuaasQuirk::SilentUnsubscribe);
    p26_stalling_body: on(GpuaasQuirk::StallingBody);
    p28_misleading_text: on(GpuaasQuirk::MisleadingText);
    p33_failing_list: on(GpuaasQuirk::FailingList);
    p38_unknown_fields: on(GpuaasQuirk::UnknownFields);
    p39_text_amounts: on(GpuaasQuirk::TextAmounts);
    ghosts_of_the_simulator: of(Quirks { ghosts: BasisPoints::ONE, ..Quirks::default() });
    empty_200_of_the_simulator: of(Quirks { empty_200: BasisPoints::ONE, ..Quirks::default() });
    already_subscribed_of_the_simulator:
        of(Quirks { already_subscribed: true, ..Quirks::default() });
    foreign_rows_of_the_simulator: of(Quirks { foreign_rows: 5, ..Quirks::default() });
    eventual_lists_of_the_simulator: of(Quirks { eventual_lists: LAG, ..Quirks::default() });
    slow_release_of_the_simulator:
        of(Quirks { slow_release: Some(Latency::Fixed(LAG)), ..Quirks::default() });
    policy_500_of_the_simulator: of(Quirks { policy_500: true, ..Quirks::default() });
    zero_usage_of_the_simulator: Gpuaas {
        liberties: &[Liberty::CountsNothing],
        ..of(Quirks { zero_usage: true, ..Quirks::default() })
    };
}

/// All at once that can be: a client that hides each alone may still stumble over two.
#[test]
fn everything_at_once() {
    let all = Gpuaas {
        wire: GpuaasQuirks::of([
            GpuaasQuirk::EmptySubscribe,
            GpuaasQuirk::LaggingList,
            GpuaasQuirk::SlowUnsubscribe,
            GpuaasQuirk::ManyPods,
            GpuaasQuirk::ForeignRows,
            GpuaasQuirk::TextIds,
            GpuaasQuirk::Aliases,
            GpuaasQuirk::SilentUnsubscribe,
            GpuaasQuirk::FailingList,
            GpuaasQuirk::UnknownFields,
            GpuaasQuirk::TextAmounts,
        ]),
        ..Gpuaas::default()
    };
    let report = testing::run(&mut { all });
    assert!(report.is_clean_except(&PREEMPTION), "{report}");
}

#[derive(Debug, Default)]
pub(super) struct Gpuaas {
    wire: GpuaasQuirks,
    simulator: Quirks,
    liberties: &'static [Liberty],
}

fn on(quirk: GpuaasQuirk) -> Gpuaas {
    Gpuaas { wire: GpuaasQuirks::of([quirk]), ..Gpuaas::default() }
}

fn of(simulator: Quirks) -> Gpuaas {
    Gpuaas { simulator, ..Gpuaas::default() }
}

impl Harness for Gpuaas {
    type World = HttpWorld;

    fn build(&mut self, setup: &Setup) -> Option<HttpWorld> {
        if setup.pools.iter().any(|pool| pool.preemption_grace.is_some()) {
            return None;
        }
        // Where an answer is never to come in time, its time is shorter.
        let (late, within) = if self.wire.has(GpuaasQuirk::SlowSubscribe) {
            (LATER, Duration::from_secs(1))
        } else if self.wire.has(GpuaasQuirk::StallingBody) {
            (LATE, Duration::from_millis(700))
        } else {
            (LATE, Duration::from_secs(8))
        };
        let of_mock = |options: &mut harpoon::mock::MockOptions| {
            options.gpuaas_quirks = self.wire.clone();
            options.gpuaas_delay = late;
        };
        let teams = (0..4).map(|team| format!("team-{team}")).collect();
        let patient = GpuaasOptions {
            exchange_within: within,
            look_every: Duration::from_millis(10),
            look_for: Duration::from_secs(5),
            ..GpuaasOptions::new(teams)
        };
        let speaking = |options: adapters::HttpOptions| options.speaking_gpuaas(patient);
        Some(HttpWorld::new(setup, self.simulator, of_mock, speaking))
    }

    fn liberties(&self) -> &[Liberty] {
        self.liberties
    }
}
