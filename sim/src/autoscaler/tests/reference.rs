//! The rule written down a second time, from the documentation of Kubernetes and in floating point, with
//! nothing of ours but the configuration.

use std::cmp::Ordering;

use crate::config::{AutoscaleConfig, Behaviour, Change};

/// One autoscaler; times in seconds.
pub(super) struct Hpa {
    pub(super) replicas: i64,
    min: i64,
    max: i64,
    tolerance: f64,
    up: Rules,
    down: Rules,
    recommendations: Vec<(u64, i64)>,
    events: Vec<(u64, i64)>,
}

struct Rules {
    stabilization: u64,
    pods: Vec<(i64, u64)>,
    percent: Vec<(f64, u64)>,
}

impl Rules {
    fn new(behaviour: &Behaviour) -> Self {
        let seconds = |time: connector::Duration| time.as_nanos() / 1_000_000_000;
        let mut rules =
            Self { stabilization: seconds(behaviour.window), pods: vec![], percent: vec![] };
        for most in &behaviour.most {
            match most.change {
                Change::Cards(cards) => rules.pods.push((cards.into(), seconds(most.per))),
                Change::Share(share) => {
                    rules.percent.push((f64::from(share.get()) / 100.0, seconds(most.per)));
                }
            }
        }
        rules
    }
}

impl Hpa {
    pub(super) fn new(config: &AutoscaleConfig) -> Self {
        Self {
            replicas: config.start.into(),
            min: config.min.into(),
            max: config.max.into(),
            tolerance: f64::from(config.tolerance.get()) / 10_000.0,
            up: Rules::new(&config.scale_out),
            down: Rules::new(&config.scale_in),
            recommendations: vec![(0, config.start.into())],
            events: vec![],
        }
    }

    /// `usage` in multiples of what one replica should have.
    pub(super) fn look(&mut self, now: u64, usage: f64, ready: u32) {
        let proposal = self.proposal(usage, f64::from(ready));
        let stabilized = self.stabilize(now, proposal);
        let next = match stabilized.cmp(&self.replicas) {
            Ordering::Greater => {
                stabilized.min(self.max).min(self.scale_up_limit(now).max(self.replicas))
            }
            Ordering::Less => {
                stabilized.max(self.min).max(self.scale_down_limit(now).min(self.replicas))
            }
            Ordering::Equal => self.replicas,
        };
        if next != self.replicas {
            self.events.push((now, next - self.replicas));
        }
        self.replicas = next;
    }

    fn proposal(&self, usage: f64, ready: f64) -> i64 {
        let current = self.replicas as f64;
        if ready == 0.0 {
            // Ours: the documentation has no metric then.
            return (usage.ceil() as i64).max(self.replicas);
        }
        let near = |ratio: f64| (ratio - 1.0).abs() <= self.tolerance + 1e-9;
        let ratio = usage / ready;
        if near(ratio) {
            return self.replicas;
        }
        if ratio > 1.0 && ready < current {
            // Pods that are not ready are taken to use nothing.
            let ratio = usage / current;
            if near(ratio) || ratio < 1.0 {
                return self.replicas;
            }
        }
        (usage - 1e-9).ceil() as i64
    }

    fn stabilize(&mut self, now: u64, proposal: i64) -> i64 {
        let (mut up, mut down) = (proposal, proposal);
        for &(at, recommended) in &self.recommendations {
            if now - at < self.up.stabilization {
                up = up.min(recommended);
            }
            if now - at < self.down.stabilization {
                down = down.max(recommended);
            }
        }
        self.recommendations.push((now, proposal));
        let mut stabilized = self.replicas;
        if stabilized < up {
            stabilized = up;
        }
        if stabilized > down {
            stabilized = down;
        }
        stabilized
    }

    fn period_start(&self, now: u64, period: u64) -> i64 {
        let changed: i64 =
            self.events.iter().filter(|(at, _)| now - at < period).map(|(_, by)| by).sum();
        self.replicas - changed
    }

    fn scale_up_limit(&self, now: u64) -> i64 {
        let pods = self.up.pods.iter().map(|(pods, period)| self.period_start(now, *period) + pods);
        let percent = self.up.percent.iter().map(|(percent, period)| {
            let start = self.period_start(now, *period) as f64;
            (start * (1.0 + percent / 100.0) - 1e-9).ceil() as i64
        });
        pods.chain(percent).max().expect("there is a policy")
    }

    fn scale_down_limit(&self, now: u64) -> i64 {
        let pods =
            self.down.pods.iter().map(|(pods, period)| self.period_start(now, *period) - pods);
        let percent = self.down.percent.iter().map(|(percent, period)| {
            let start = self.period_start(now, *period) as f64;
            (start * (1.0 - percent / 100.0) + 1e-9).floor() as i64
        });
        pods.chain(percent).min().expect("there is a policy")
    }
}
