//! The breaker against a model that keeps everything in lists: 100,000 random steps.

use connector::{BasisPoints, Duration, Timestamp};
use platform::{
    BreakerState,
    breaker::{Breaker, Control, Permit, Verdict},
    config::{
        BreakerConfig, HalfOpenThen, ProbeRenewal, RampUp, RatesConfig, SlowCall, WindowConfig,
    },
};
use proptest::prelude::*;

use crate::{
    breaker_model::{Model, Ticket},
    setting::ms,
};

const CASES: u32 = 250;
const STEPS: usize = 400;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_list_of_all_results_says(
        config in breakers(),
        steps in proptest::collection::vec(steps(), STEPS),
    ) {
        let mut pair = Pair::new(config);
        for step in steps {
            pair.take(&step)?;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Acquire,
    Report(prop::sample::Index, Verdict),
    Lose(prop::sample::Index),
    Witness(Verdict),
    Control(Control),
}

/// The breaker and the model, and the calls under way.
struct Pair {
    breaker: Breaker,
    model: Model,
    config: BreakerConfig,
    now: Timestamp,
    calls: Vec<(Permit, Ticket)>,
    /// Probes let through since it turned half-open, and those that were given back.
    probed: u64,
    allowed: u64,
}

impl Pair {
    fn new(config: BreakerConfig) -> Self {
        Self {
            breaker: Breaker::new(config),
            model: Model::new(config),
            config,
            now: Timestamp::ZERO,
            calls: Vec::new(),
            probed: 0,
            allowed: 0,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Pass(millis) => self.pass(ms(millis)),
            Step::Acquire => self.acquire()?,
            Step::Report(which, verdict) => {
                if let Some((permit, ticket)) = self.pick(which) {
                    let was_open = self.breaker.state() == BreakerState::Open;
                    let opened = self.breaker.record(self.now, permit, verdict);
                    prop_assert!(!(opened && was_open), "an open breaker cannot open");
                    prop_assert!(!opened || self.breaker.state() == BreakerState::Open);
                    self.model.record(self.now, ticket, verdict);
                    self.allowed += u64::from(verdict == Verdict::Ignored);
                }
            }
            Step::Lose(which) => _ = self.pick(which),
            Step::Witness(verdict) => {
                self.breaker.witness(self.now, verdict);
                self.model.witness(self.now, verdict);
            }
            Step::Control(control) => {
                self.breaker.control(self.now, control);
                self.model.control(self.now, control);
                (self.probed, self.allowed) = (0, 0);
            }
        }
        if self.breaker.state() != BreakerState::HalfOpen {
            (self.probed, self.allowed) = (0, 0);
        }
        prop_assert_eq!(self.breaker.state(), self.model.state);
        prop_assert!(self.breaker.load() > BasisPoints::ZERO);
        if self.breaker.state() != BreakerState::Closed {
            prop_assert_eq!(self.breaker.deadline(), self.model.deadline());
        }
        Ok(())
    }

    /// Time passes, and whoever is to be woken is.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.breaker.deadline().filter(|&due| due <= until) {
            self.now = due;
            self.breaker.wake(due);
            self.model.wake(due);
            (self.probed, self.allowed) = (0, 0);
        }
        self.now = until;
    }

    /// An open breaker lets nothing through, or turns half-open; then only as many calls pass as it
    /// has probes, plus those that were given back, where there are no further rounds.
    fn acquire(&mut self) -> Result<(), TestCaseError> {
        let before = self.breaker.state();
        let admits = self.breaker.admits(self.now);
        let permit = self.breaker.acquire(self.now);
        let ticket = self.model.acquire(self.now);
        prop_assert_eq!(permit.is_some(), ticket.is_some());
        prop_assert_eq!(permit.is_some(), admits, "`admits` tells the truth");
        if before == BreakerState::Open && permit.is_some() {
            prop_assert_eq!(self.breaker.state(), BreakerState::HalfOpen);
        }
        if permit.is_some() && self.breaker.state() == BreakerState::HalfOpen {
            self.probed += 1;
            let probes = u64::from(self.config.half_open_probes);
            let never = self.config.probe_renewal == ProbeRenewal::Never;
            prop_assert!(!never || self.probed <= probes + self.allowed, "only probes pass");
        }
        self.calls.extend(permit.zip(ticket));
        Ok(())
    }

    fn pick(&mut self, which: prop::sample::Index) -> Option<(Permit, Ticket)> {
        if self.calls.is_empty() {
            return None;
        }
        Some(self.calls.swap_remove(which.index(self.calls.len())))
    }
}

pub(crate) fn breakers() -> impl Strategy<Value = BreakerConfig> {
    let rules = (prop_oneof![1_u32..6, Just(u32::MAX)], proptest::option::of(rates()), 1_u32..5);
    let waits = (1_u64..4_000, prop_oneof![Just(100_u32), Just(150), Just(200)], 0_u64..5_000);
    let renewal = prop_oneof![
        Just(ProbeRenewal::AfterRecovery),
        (1_u64..3_000).prop_map(|millis| ProbeRenewal::After(ms(millis))),
        Just(ProbeRenewal::Never),
    ];
    let ends = (proptest::option::of(1_u64..3_000), any::<bool>(), any::<bool>(), any::<bool>());
    (rules, waits, renewal, ends).prop_map(
        |(
            (failures, rates, probes),
            (recovery, growth, calm),
            renewal,
            (most, then, auto, ramp),
        )| {
            BreakerConfig {
                failure_threshold: failures,
                rates,
                recovery: ms(recovery),
                recovery_growth: BasisPoints::from_percent(growth),
                recovery_max: ms(8_000),
                calm: ms(calm),
                half_open_probes: probes,
                probe_renewal: renewal,
                half_open_max_wait: most.map(ms),
                half_open_then: if then { HalfOpenThen::Open } else { HalfOpenThen::Closed },
                auto_half_open: auto,
                ramp_up: ramp.then_some(RampUp { time: ms(500), start: BasisPoints::new(1_000) }),
                ..BreakerConfig::default()
            }
        },
    )
}

fn rates() -> impl Strategy<Value = RatesConfig> {
    let window = prop_oneof![
        (1_u32..20).prop_map(WindowConfig::Calls),
        (1_u32..8).prop_map(WindowConfig::Seconds),
    ];
    (window, 1_u32..12, 1_u32..=100, 1_u32..=100).prop_map(|(window, least, failed, slow)| {
        RatesConfig {
            window,
            minimum_calls: least,
            failure_rate: BasisPoints::from_percent(failed),
            slow_rate: BasisPoints::from_percent(slow),
            slow: SlowCall::default(),
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let verdicts = || {
        prop::sample::select(vec![
            Verdict::Success,
            Verdict::Success,
            Verdict::Slow,
            Verdict::Failure,
            Verdict::SlowFailure,
            Verdict::Ignored,
        ])
    };
    let controls = prop::sample::select(vec![
        Control::ToOpen,
        Control::ToHalfOpen,
        Control::ToClosed,
        Control::Reset,
        Control::Reset,
        Control::ForceOpen,
        Control::Disable,
        Control::MetricsOnly,
    ]);
    prop_oneof![
        20 => (0_u64..1_500).prop_map(Step::Pass),
        40 => Just(Step::Acquire),
        40 => (any::<prop::sample::Index>(), verdicts()).prop_map(|(i, v)| Step::Report(i, v)),
        3 => any::<prop::sample::Index>().prop_map(Step::Lose),
        3 => verdicts().prop_map(Step::Witness),
        1 => controls.prop_map(Step::Control),
    ]
}
