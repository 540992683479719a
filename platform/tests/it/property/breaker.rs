//! An open breaker lets only probes through: what every cable let through, by its own figures.

use connector::{CableId, Duration, Timestamp};
use platform::{
    BreakerState, CableStatus, PlatformConfig,
    config::{BreakerConfig, ProbeRenewal},
};
use proptest::{prelude::*, test_runner::TestCaseResult};

use super::promises::Said;

#[derive(Default)]
pub(super) struct Cable {
    /// When the breaker opened last.
    opened: Timestamp,
    half_open: Option<HalfOpen>,
}

/// A stay in half-open: when it began, and the figures of then.
struct HalfOpen {
    since: Timestamp,
    calls: u64,
    ended: u64,
    completed: u64,
}

/// Calls that the breaker let through.
fn calls(status: &CableStatus) -> u64 {
    status.statistics.strikes + status.statistics.consultations
}

/// ... and that are over.
fn ended(status: &CableStatus) -> u64 {
    calls(status) - u64::from(status.in_flight)
}

impl Cable {
    pub(super) fn check(
        &mut self,
        now: Timestamp,
        said: Said,
        index: usize,
        (before, after): (&CableStatus, &CableStatus),
        config: &PlatformConfig,
    ) -> TestCaseResult {
        let rules = &config.cables[index];
        let made = calls(after) - calls(before);
        let opened = after.statistics.openings > before.statistics.openings;
        let by_hand = said == Said::Control(CableId(index as u32));
        let changed = opened || by_hand || before.breaker != after.breaker;
        if !changed && before.breaker.refuses() {
            prop_assert_eq!(made, 0, "{:?} lets calls through", before.breaker);
        }
        if before.breaker == BreakerState::ForcedOpen && !by_hand {
            prop_assert_eq!(after.breaker, BreakerState::ForcedOpen);
        }
        if before.breaker == BreakerState::Open && made > 0 && !by_hand {
            prop_assert!(now >= self.opened + rules.breaker.recovery, "too early");
        }
        // Whatever becomes of a call is judged before the next one begins.
        let one_thing = matches!(said, Said::Event { .. } | Said::Cancel | Said::Request(_));
        prop_assert!(!(opened && one_thing) || made == 0, "a call after the breaker opened");
        if opened {
            self.opened = now;
        }
        self.check_probes(now, changed, (before, after), &rules.breaker)?;
        let stocked = after.statistics.stocked > before.statistics.stocked;
        let hedged = after.statistics.hedges > before.statistics.hedges;
        let was_closed = [before, after].iter().any(|one| one.breaker == BreakerState::Closed);
        prop_assert!(was_closed || !(stocked || hedged), "not closed, and yet stocked or hedged");
        prop_assert!(rules.max_in_flight.is_none_or(|places| after.in_flight <= places));
        prop_assert!(after.queued <= rules.queue, "{} in line", after.queued);
        Ok(())
    }

    /// As many calls as there are probes, in so many rounds as there was time for, and one for every
    /// call that ended without a verdict.
    fn check_probes(
        &mut self,
        now: Timestamp,
        changed: bool,
        (before, after): (&CableStatus, &CableStatus),
        rules: &BreakerConfig,
    ) -> TestCaseResult {
        if after.breaker != BreakerState::HalfOpen {
            self.half_open = None;
            return Ok(());
        }
        let begins = HalfOpen {
            since: now,
            calls: calls(before),
            ended: ended(before),
            completed: before.statistics.completed,
        };
        let stay = self.half_open.take().filter(|_| !changed).unwrap_or(begins);
        let renewal = match rules.probe_renewal {
            ProbeRenewal::AfterRecovery => rules.recovery,
            ProbeRenewal::After(time) => time,
            ProbeRenewal::Never => Duration::MAX,
        };
        let rounds = 1 + now.since(stay.since).as_nanos() / renewal.as_nanos();
        let completed = after.statistics.completed - stay.completed;
        let given_back = (ended(after) - stay.ended).saturating_sub(completed);
        let most = rounds * u64::from(rules.half_open_probes) + given_back;
        let passed = calls(after) - stay.calls;
        self.half_open = Some(stay);
        prop_assert!(passed <= most, "{passed} probes, {most} allowed");
        Ok(())
    }
}
