//! How records of use get from whoever meters to whoever bills: late, twice, and out of order.
//!
//! # Problem
//!
//! Between a meter and the books there is a queue, and queues promise that a record arrives *at least
//! once*: an acknowledgement that was lost makes the sender send again, an agent that was cut off sends
//! what it has when it is back, and records that went through different partitions overtake each
//! other. Books that take a record's coming for a use, or a clock for a key, charge for all of that.
//!
//! # Mechanism
//!
//! A record that is sent at `t` arrives at
//!
//! ```text
//! t + uniform(0, reordered) + (with chance late.share: a draw of late.by)
//! ```
//!
//! With chance `duplicates` a second copy of it is sent at `t` as well, whose way is drawn by itself:
//! either may be the first to arrive, and either may be late. Records arrive in order of time, and in
//! the order in which they were sent where times are equal.
//!
//! # Edges
//!
//! None is lost and none is changed: whoever lets everything arrive ([`Delivery::rest`]) has each
//! record at least once. There are at most two copies. Every decision has a random stream of its own
//! (`metering/duplicates`, `metering/late`, ...), and copies draw from others than the first: to
//! double more records makes no record later. Nothing here reads a clock: whoever sends says when.
//!
//! # Source
//!
//! Amazon SQS, "Standard queues: at-least-once delivery" (a message can come more than once and out of
//! order); AWS Marketplace Metering Service, which takes records up to six hours late; a record of use
//! of Stripe's meters is deduplicated for 24 hours and `OpenMeter`'s for 32 days, which is why the books
//! here remember for ever.

use connector::{BasisPoints, Duration, EventQueue, Timestamp};

use crate::{
    config::Latency,
    control::Sampler,
    random::{Stream, Streams},
};

/// What happens to records on their way. The default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeliveryConfig {
    /// Share of records that come twice.
    pub duplicates: BasisPoints,
    /// Records that come late. `None`: none does.
    pub late: Option<Lateness>,
    /// Every record takes its own time, up to so much, so that they overtake each other.
    pub reordered: Duration,
}

/// Records that come late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lateness {
    /// Which share of them.
    pub share: BasisPoints,
    /// By how much.
    pub by: Latency,
}

/// What became of records on their way so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records sent.
    pub records: u64,
    /// Of them, those that were sent twice.
    pub twice: u64,
    /// Copies that were late.
    pub late: u64,
    /// Copies that arrived after one that was sent later.
    pub overtaken: u64,
}

/// Records under way. See the module text.
#[derive(Debug)]
pub struct Delivery<T> {
    config: DeliveryConfig,
    by: Option<Sampler>,
    twice: Stream,
    /// The way of the first of a record, and that of its copy.
    ways: [Way; 2],
    coming: EventQueue<(u64, T)>,
    /// Number of the latest record that has arrived, from 1.
    latest: u64,
    delivered: Delivered,
}

/// Where the time under way is drawn from.
#[derive(Debug)]
struct Way {
    late: Stream,
    by: Stream,
    order: Stream,
}

impl<T: Clone> Delivery<T> {
    /// Nothing under way yet.
    pub fn new(config: DeliveryConfig, seed: u64) -> Self {
        let streams = Streams::new(seed);
        let way = |of: &str| Way {
            late: streams.stream(&format!("metering/{of}late")),
            by: streams.stream(&format!("metering/{of}late/by")),
            order: streams.stream(&format!("metering/{of}order")),
        };
        Self {
            config,
            by: config.late.map(|late| Sampler::new(late.by)),
            twice: streams.stream("metering/duplicates"),
            ways: [way(""), way("copies/")],
            coming: EventQueue::new(),
            latest: 0,
            delivered: Delivered::default(),
        }
    }

    /// Sends a record; no earlier than the one before it.
    pub fn send(&mut self, now: Timestamp, record: &T) {
        self.delivered.records += 1;
        let twice = self.twice.chance(self.config.duplicates);
        self.delivered.twice += u64::from(twice);
        for copy in 0..=usize::from(twice) {
            let under_way = self.under_way(copy);
            let numbered = (self.delivered.records, record.clone());
            self.coming.schedule(now + under_way, numbered);
        }
    }

    /// The next record that has arrived by `now`; `None` if there is no other.
    pub fn poll(&mut self, now: Timestamp) -> Option<T> {
        let (_, arrived) = self.coming.pop_due(now)?;
        Some(self.arrived(arrived))
    }

    /// The next record, whenever it arrives: for when nothing more is sent.
    pub fn rest(&mut self) -> Option<T> {
        let (_, arrived) = self.coming.pop()?;
        Some(self.arrived(arrived))
    }

    /// What became of records so far.
    pub const fn delivered(&self) -> Delivered {
        self.delivered
    }

    fn under_way(&mut self, copy: usize) -> Duration {
        let way = &mut self.ways[copy];
        let order = self.config.reordered.as_nanos();
        let order = if order == 0 { 0 } else { way.order.below(order.saturating_add(1)) };
        let late = self.config.late.zip(self.by).filter(|(late, _)| way.late.chance(late.share));
        let late = late.map(|(_, by)| by.draw(&mut way.by));
        self.delivered.late += u64::from(late.is_some());
        Duration::from_nanos(order) + late.unwrap_or_default()
    }

    fn arrived(&mut self, (number, record): (u64, T)) -> T {
        self.delivered.overtaken += u64::from(number < self.latest);
        self.latest = self.latest.max(number);
        record
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const LATE: Lateness = Lateness {
        share: BasisPoints::from_percent(2),
        by: Latency::LogNormal { p50: Duration::from_secs(600), p95: Duration::from_secs(3_600) },
    };
    const FAULTS: DeliveryConfig = DeliveryConfig {
        duplicates: BasisPoints::from_percent(5),
        late: Some(LATE),
        reordered: Duration::from_secs(3),
    };
    const RECORDS: u64 = 10_000;

    fn at(second: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(second)
    }

    /// One record a second, told as they arrive: number and second.
    fn arrivals(config: DeliveryConfig, seed: u64) -> (Vec<(u64, u64)>, Delivered) {
        let mut delivery = Delivery::new(config, seed);
        let mut arrived = Vec::new();
        for second in 0..RECORDS {
            while let Some(record) = delivery.poll(at(second)) {
                arrived.push((record, second));
            }
            delivery.send(at(second), &second);
        }
        while let Some(record) = delivery.rest() {
            arrived.push((record, RECORDS));
        }
        (arrived, delivery.delivered())
    }

    #[test]
    fn without_faults_every_record_comes_once_and_in_order() {
        let (arrived, delivered) = arrivals(DeliveryConfig::default(), 1);
        assert!(arrived.iter().map(|(record, _)| *record).eq(0..RECORDS));
        assert_eq!(delivered, Delivered { records: RECORDS, ..Delivered::default() });
    }

    #[test]
    fn none_is_lost_and_as_many_come_twice_and_late_as_was_asked_for() {
        let (arrived, delivered) = arrivals(FAULTS, 1);
        let mut copies = BTreeMap::<u64, u64>::new();
        for (record, _) in &arrived {
            *copies.entry(*record).or_default() += 1;
        }
        assert!(copies.keys().copied().eq(0..RECORDS), "each arrives");
        let twice = copies.values().filter(|&&copies| copies == 2).count() as u64;
        assert_eq!((twice, arrived.len() as u64), (delivered.twice, RECORDS + delivered.twice));
        // Five standard deviations of a binomial distribution around its mean.
        let expected = |count: u64, of: f64, share: f64| {
            let (mean, deviation) = (of * share, (of * share * (1.0 - share)).sqrt());
            assert!((count as f64 - mean).abs() < 5.0 * deviation, "{count}, {mean} expected");
        };
        expected(delivered.twice, RECORDS as f64, 0.05);
        expected(delivered.late, arrived.len() as f64, 0.02);
        assert!(delivered.overtaken > delivered.late, "{delivered:?}");
    }

    #[test]
    fn records_are_under_way_for_as_long_as_they_may_be() {
        let order = DeliveryConfig { reordered: FAULTS.reordered, ..DeliveryConfig::default() };
        let (arrived, delivered) = arrivals(order, 1);
        assert!(delivered.overtaken > 1_000, "{delivered:?}");
        assert!(arrived.iter().all(|&(record, second)| second <= record + 4), "up to 3 s");
        let by = Latency::Fixed(Duration::from_secs(100));
        let late = Lateness { share: BasisPoints::ONE, by };
        let late = DeliveryConfig { late: Some(late), ..DeliveryConfig::default() };
        let (arrived, delivered) = arrivals(late, 1);
        assert!(arrived.iter().all(|&(record, second)| second == (record + 100).min(RECORDS)));
        assert_eq!((delivered.late, delivered.overtaken), (RECORDS, 0));
    }

    #[test]
    fn the_same_seed_is_the_same_delivery_and_another_is_another() {
        assert_eq!(arrivals(FAULTS, 7), arrivals(FAULTS, 7));
        assert_ne!(arrivals(FAULTS, 7), arrivals(FAULTS, 8));
    }

    #[test]
    fn to_double_more_records_makes_none_later() {
        let arrivals = |duplicates| {
            let mut delivery = Delivery::new(DeliveryConfig { duplicates, ..FAULTS }, 3);
            let mut arrivals = BTreeMap::<u64, Vec<Timestamp>>::new();
            for second in 0..RECORDS {
                delivery.send(at(second), &second);
            }
            while let Some((arrives, (_, record))) = delivery.coming.pop() {
                arrivals.entry(record).or_default().push(arrives);
            }
            arrivals
        };
        let (alone, doubled) = (arrivals(BasisPoints::ZERO), arrivals(BasisPoints::ONE));
        for (record, arrives) in alone {
            let both = &doubled[&record];
            assert_eq!((arrives.len(), both.len()), (1, 2));
            assert!(both.contains(&arrives[0]), "{record}: {arrives:?}, {both:?}");
        }
    }
}
