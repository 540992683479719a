//! The numbered behaviours of the scheduler notes (T, M, P) and the checks that a model of it should
//! pass (section 2.6), on tasks that always have work and tasks that work and rest by turns.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn rule(quantum: f64) -> TurnsConfig {
    TurnsConfig { quantum: secs(quantum), ..TurnsConfig::default() }
}

/// A tenant: works for so long, then rests for so long; without a rest it always has work.
#[derive(Clone, Copy)]
struct Task {
    work: Option<(f64, f64)>,
    working_set: u64,
    rights: Rights,
    starts: f64,
}

fn endless() -> Task {
    Task { work: None, working_set: 0, rights: Rights::default(), starts: 0.0 }
}

fn set_of(working_set: u64) -> Task {
    Task { working_set, ..endless() }
}

/// What a tenant saw.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    had: f64,
    /// From wanting the card to having it, again and again.
    waits: Vec<f64>,
    /// When its turns began.
    turns: Vec<f64>,
}

struct Card {
    turns: Turns,
    tasks: Vec<Task>,
    /// Work left of the present piece, in nanoseconds of the whole card.
    left: Vec<f64>,
    /// When it wants the card again, if it rests.
    wakes: Vec<Option<u64>>,
    wants_since: Vec<Option<u64>>,
    seen: Vec<Seen>,
    now: u64,
}

impl Card {
    fn new(rule: TurnsConfig, ratio: u32, capacity: u64, tasks: Vec<Task>) -> Self {
        let mut turns = Turns::new(rule, ratio, capacity);
        for task in &tasks {
            let who = turns.join();
            turns.set_rights(who, task.rights);
        }
        let count = tasks.len();
        Self {
            turns,
            left: tasks.iter().map(|task| task.work.map_or(f64::MAX, |(w, _)| w * 1e9)).collect(),
            wakes: tasks.iter().map(|task| Some((task.starts * 1e9) as u64)).collect(),
            wants_since: vec![None; count],
            seen: vec![Seen::default(); count],
            tasks,
            now: 0,
        }
    }

    fn run(mut self, seconds: f64) -> Self {
        let end = (seconds * 1e9) as u64;
        loop {
            let deadline = self.turns.deadline().map(Timestamp::as_nanos);
            let done = (0..self.tasks.len()).filter_map(|who| {
                let part = self.turns.fraction(who);
                (part > 0.0 && self.left[who] < 1e18)
                    .then(|| self.now + (self.left[who] / part).ceil() as u64)
            });
            let wakes = self.wakes.iter().flatten().copied();
            let next = deadline.into_iter().chain(done).chain(wakes).min().unwrap_or(end).min(end);
            self.pass_until(next);
            if next == end {
                self.turns.account(at(end));
                return self;
            }
            self.turn(next);
        }
    }

    fn pass_until(&mut self, next: u64) {
        let elapsed = (next - self.now) as f64;
        for who in 0..self.tasks.len() {
            let gained = elapsed * self.turns.fraction(who);
            self.seen[who].had += gained / 1e9;
            self.left[who] -= gained;
        }
        self.now = next;
    }

    fn turn(&mut self, now: u64) {
        let before: Vec<bool> = self.running();
        let sets: Vec<u64> = self.tasks.iter().map(|task| task.working_set).collect();
        let working = |who: usize| sets[who];
        self.turns.tick(at(now), &working);
        for who in 0..self.tasks.len() {
            if self.wakes[who].is_some_and(|wake| wake <= now) {
                self.wakes[who] = None;
                self.wants_since[who] = Some(now);
                self.turns.set_ready(at(now), who, true, &working);
            }
            if self.left[who] < 0.5
                && let Some((work, rest)) = self.tasks[who].work
            {
                self.left[who] = work * 1e9;
                self.wakes[who] = Some(now + (rest * 1e9) as u64);
                self.turns.set_ready(at(now), who, false, &working);
            }
        }
        for (who, was) in before.into_iter().enumerate() {
            let has = self.turns.fraction(who) > 0.0;
            if has && (!was || self.wants_since[who].is_some()) {
                let since = self.wants_since[who].take().unwrap_or(now);
                self.seen[who].waits.push((now - since) as f64 / 1e9);
                self.seen[who].turns.push(now as f64 / 1e9);
            } else if was && !has && self.wakes[who].is_none() {
                self.wants_since[who] = Some(now);
            }
        }
    }

    fn running(&self) -> Vec<bool> {
        (0..self.tasks.len()).map(|who| self.turns.fraction(who) > 0.0).collect()
    }

    fn longest_wait(&self) -> f64 {
        self.seen.iter().flat_map(|seen| &seen.waits).copied().fold(0.0, f64::max)
    }

    fn computed(&self) -> f64 {
        self.turns.spent.computing.as_secs_f64()
    }
}

fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos(ns)
}

fn near(value: f64, expected: f64, within: f64) {
    assert!((value - expected).abs() <= within, "{value} and not {expected}");
}

#[test]
fn t1_one_computes_at_a_time() {
    let mut card = Card::new(rule(2.0), 4, 100, vec![endless(); 4]);
    for step in 1..400 {
        card = card.run(f64::from(step) * 0.31);
        assert!(card.running().iter().filter(|runs| **runs).count() <= 1);
    }
}

/// Check 1.
#[test]
fn t2_who_always_wants_the_card_has_one_part_in_r_of_it() {
    let card = Card::new(rule(30.0), 4, 100, vec![endless(); 4]).run(1_200.0);
    for seen in &card.seen {
        near(seen.had, 300.0, 30.0);
    }
}

/// Less switch overhead.
#[test]
fn t2_the_guarantee_is_less_what_changing_takes() {
    let rule = TurnsConfig { switch: secs(0.5), ..rule(10.0) };
    let card = Card::new(rule, 4, 100, vec![endless(); 4]).run(4_200.0);
    for seen in &card.seen {
        near(seen.had, 1_000.0, 10.0);
    }
}

/// Check 2.
#[test]
fn t3_the_time_of_who_rests_goes_to_the_others() {
    let quits = Task { work: Some((60.0, 1e6)), ..endless() };
    let card = Card::new(rule(30.0), 4, 100, vec![quits, endless(), endless(), endless()]);
    let before = card.run(240.0);
    let had: Vec<f64> = before.seen.iter().map(|seen| seen.had).collect();
    let after = before.run(240.0 + 900.0);
    near(after.seen[0].had, had[0], 1e-9);
    for (seen, had) in after.seen.iter().zip(had).skip(1) {
        near(seen.had - had, 300.0, 30.0);
    }
}

#[test]
fn t3_alone_one_has_all_of_the_card() {
    let card = Card::new(rule(30.0), 10, 100, vec![endless()]).run(1_000.0);
    near(card.seen[0].had, 1_000.0, 1e-9);
}

#[test]
fn t4_who_is_done_gives_the_card_back_before_the_quantum_is_over() {
    let short = Task { work: Some((0.2, 9.8)), ..endless() };
    let card = Card::new(rule(30.0), 4, 100, vec![short; 2]).run(10.0);
    near(card.seen[1].waits[0], 0.2, 1e-6);
}

#[test]
fn t5_turns_go_round_and_who_becomes_ready_joins_the_back() {
    let late = |starts| Task { starts, ..endless() };
    let card = Card::new(rule(10.0), 4, 100, vec![late(0.0), late(3.0), late(1.0), late(2.0)]);
    let card = card.run(80.0);
    let mut turns: Vec<(f64, usize)> = Vec::new();
    for (who, seen) in card.seen.iter().enumerate() {
        turns.extend(seen.turns.iter().map(|begins| (*begins, who)));
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let order: Vec<usize> = turns.into_iter().map(|(_, who)| who).collect();
    assert_eq!(order, [0, 2, 3, 1, 0, 2, 3, 1]);
}

/// Check 3: the wait of the short one is set by the quantum, not by its own need.
#[test]
fn t6_a_new_arrival_waits_for_the_running_quantum() {
    let short = Task { work: Some((0.2, 9.8)), starts: 1.0, ..endless() };
    let card = Card::new(rule(30.0), 2, 100, vec![endless(), short]).run(3_000.0);
    let waits = &card.seen[1].waits;
    near(waits[0], 29.0, 1e-6);
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!(mean > 10.0, "{mean}");
    let quick = Card::new(rule(2.0), 2, 100, vec![endless(), short]).run(3_000.0);
    let quick = &quick.seen[1].waits;
    assert!(quick.iter().sum::<f64>() / (quick.len() as f64) < 2.0);
}

/// Check 4, and the table of the notes for no switch cost.
#[test]
fn t7_the_longest_wait_is_everybody_elses_quantum_and_change() {
    for quantum in [2.0, 10.0, 30.0, 90.0, 120.0] {
        for (tenants, factor) in [(2, 1.0), (4, 3.0), (10, 9.0)] {
            for switch in [0.0, 0.25] {
                let rule = TurnsConfig { switch: secs(switch), ..rule(quantum) };
                let card = Card::new(rule, 10, 100, vec![endless(); tenants]);
                let card = card.run(quantum * 10.0 * tenants as f64);
                // The change to oneself comes on top of the others' turns.
                near(card.longest_wait(), factor * (quantum + switch) + switch, 1e-6);
            }
        }
    }
}

#[test]
fn t8_alone_the_quantum_does_not_matter() {
    for quantum in [2.0, 120.0] {
        let rule = TurnsConfig { switch: secs(1.0), ..rule(quantum) };
        let card = Card::new(rule, 4, 100, vec![set_of(100)]).run(500.0);
        near(card.computed(), 500.0, 1e-6);
    }
}

/// Check 6: for tasks whose memory does not fit, a longer quantum computes more and waits longer.
#[test]
fn t10_the_quantum_trades_overhead_against_waiting() {
    let seen = |quantum| {
        let tasks = vec![set_of(80_000_000_000); 3];
        let card = Card::new(rule(quantum), 4, 80_000_000_000, tasks).run(7_200.0);
        (card.computed(), card.longest_wait())
    };
    let all: Vec<(f64, f64)> = [2.0, 4.0, 8.0, 16.0, 32.0, 64.0].map(seen).into();
    for pair in all.windows(2) {
        assert!(pair[1].0 >= pair[0].0 && pair[1].1 >= pair[0].1, "{all:?}");
    }
}

/// Check 7.
#[test]
fn m2_what_fits_together_is_not_slowed_by_short_quanta() {
    for quantum in [2.0, 30.0] {
        let tasks = vec![set_of(25); 4];
        let card = Card::new(rule(quantum), 4, 100, tasks).run(1_000.0);
        near(card.computed(), 1_000.0, 1e-6);
    }
}

/// The illustration of the notes: 80 GB each way at 50 GB/s, one after the other.
#[test]
fn m4_m5_paging_takes_its_time_off_the_card() {
    for (quantum, percent) in [(2.0, 38.0), (10.0, 76.0), (30.0, 90.0), (90.0, 97.0), (120.0, 97.0)]
    {
        let paging = PagingConfig { bandwidth: 50e9, ..PagingConfig::default() };
        let rule = TurnsConfig { paging, ..rule(quantum) };
        let tasks = vec![set_of(80_000_000_000); 2];
        let card = Card::new(rule, 2, 80_000_000_000, tasks).run(20_000.0);
        near(card.computed() / 20_000.0 * 100.0, percent, 0.6);
    }
}

#[test]
fn m4_pages_that_leave_and_arrive_at_once_take_half_the_time() {
    let share = |overlapped| {
        let paging = PagingConfig { bandwidth: 50e9, overlapped, ..PagingConfig::default() };
        let rule = TurnsConfig { paging, ..rule(10.0) };
        let tasks = vec![set_of(80_000_000_000); 2];
        Card::new(rule, 2, 80_000_000_000, tasks).run(10_000.0).computed() / 10_000.0
    };
    near(share(false), 10.0 / 13.2, 1e-3);
    near(share(true), 10.0 / 11.6, 1e-3);
}

#[test]
fn m6_the_first_touch_after_a_long_rest_is_slow() {
    let paging =
        PagingConfig { bandwidth: 10.0, idle_after: Some(secs(60.0)), ..PagingConfig::default() };
    let rule = TurnsConfig { paging, ..rule(30.0) };
    let rests = |rest| Task { work: Some((1.0, rest)), working_set: 50, ..endless() };
    let card = Card::new(rule, 2, 100, vec![rests(59.0)]).run(300.0);
    assert!(card.seen[0].waits.iter().all(|wait| *wait < 1e-6), "{:?}", card.seen);
    let card = Card::new(rule, 2, 100, vec![rests(61.0)]).run(300.0);
    let again = &card.seen[0].waits[1..];
    assert!(again.len() > 2 && again.iter().all(|wait| (wait - 5.0).abs() < 1e-6), "{again:?}");
}

#[test]
fn m8_what_else_uses_the_link_slows_paging() {
    let paging = PagingConfig { bandwidth: 10.0, ..PagingConfig::default() };
    let mut turns = Turns::new(TurnsConfig { paging, ..rule(30.0) }, 2, 100);
    turns.join();
    turns.join();
    turns.set_link_in_use(4.0);
    turns.come_onto_card(0, at(0), 60);
    turns.set_ready(at(0), 1, true, &|_| 100);
    assert_eq!(turns.deadline(), Some(at(10 * SECOND)), "60 bytes at 6 a second");
}

/// P2 and P3: a higher level never computes more.
#[test]
fn p3_a_higher_level_never_raises_throughput() {
    for sets in [[10, 20, 30], [60, 50, 40], [100, 100, 100]] {
        let computed = |isolation, overlap| {
            let paging = PagingConfig { bandwidth: 50.0, ..PagingConfig::default() };
            let rule = TurnsConfig { isolation, overlap, paging, ..rule(10.0) };
            let tasks = sets.map(set_of).into();
            Card::new(rule, 4, 100, tasks).run(2_000.0).computed()
        };
        let low = computed(SecurityLevel::Low, Some(0.0));
        let lazy = computed(SecurityLevel::Low, None);
        let medium = computed(SecurityLevel::Medium, Some(0.0));
        let high = computed(SecurityLevel::High, Some(0.0));
        near(lazy, medium, 1e-9);
        assert!(low >= medium && medium >= high, "{low} {medium} {high}");
    }
}

#[test]
fn p2_at_the_low_level_those_who_fit_may_compute_at_once() {
    let rule = TurnsConfig { overlap: Some(0.0), ..rule(30.0) };
    let card = Card::new(rule, 4, 100, vec![set_of(30); 3]).run(90.0);
    for seen in &card.seen {
        assert!(seen.turns.len() == 1 && seen.had > 29.9, "{seen:?}");
    }
    let crowded = Card::new(rule, 4, 100, vec![set_of(40); 3]).run(900.0);
    assert!(crowded.seen.iter().all(|seen| seen.turns.len() >= 9));
}

/// Check 11.
#[test]
fn p4_a_guaranteed_part_is_kept_and_the_rest_is_shared_equally() {
    let rights = Rights { guaranteed: 0.5, vip: false };
    let tasks = vec![Task { rights, ..endless() }, endless(), endless(), endless()];
    let card = Card::new(rule(10.0), 4, 100, tasks).run(6_000.0);
    assert!(card.seen[0].had >= 3_000.0, "{}", card.seen[0].had);
    for seen in &card.seen[1..] {
        near(seen.had, 1_000.0, 10.0);
    }
}

/// Each time that they come back, two with a guarantee have had nothing yet.
#[test]
fn p4_small_guarantees_that_come_and_go_starve_nobody() {
    let rights = Rights { guaranteed: 0.01, vip: false };
    let quick = |work| Task { rights, work: Some((work, 0.001)), ..endless() };
    let card = Card::new(rule(2.0), 3, 100, vec![quick(2.0), quick(0.001), endless()]).run(300.0);
    assert!(card.seen[2].had >= 100.0, "{}", card.seen[2].had);
}

#[test]
fn p5_p7_without_guarantees_and_vips_it_is_round_robin() {
    let plain = Card::new(rule(10.0), 4, 100, vec![endless(); 4]).run(400.0);
    for (who, seen) in plain.seen.iter().enumerate() {
        let expected: Vec<f64> = (0..10).map(|round| (round * 4 + who) as f64 * 10.0).collect();
        assert_eq!(seen.turns, expected);
    }
}

#[test]
fn p6_a_vip_is_next_and_breaks_nobodys_floor() {
    let vip = Task {
        rights: Rights { guaranteed: 0.0, vip: true },
        work: Some((5.0, 200.0)),
        starts: 3.0,
        ..endless()
    };
    let card = Card::new(rule(10.0), 4, 100, vec![endless(), endless(), vip]).run(4_000.0);
    // At first the second tenant has had nothing yet.
    let (first, others) = card.seen[2].waits.split_first().expect("it waited");
    near(*first, 17.0, 1e-6);
    assert!(others.iter().all(|wait| *wait <= 10.0 + 1e-6), "{others:?}");
    let greedy = Task { rights: Rights { guaranteed: 0.0, vip: true }, ..endless() };
    let card = Card::new(rule(10.0), 4, 100, vec![endless(), greedy]).run(4_000.0);
    near(card.seen[0].had, 1_000.0, 20.0);
    near(card.seen[1].had, 3_000.0, 20.0);
}

/// Check 5.
#[test]
fn time_on_the_card_sums_to_wall_time() {
    let rule = TurnsConfig { switch: secs(0.3), ..rule(7.0) };
    let works = |work, rest| Task { work: Some((work, rest)), working_set: 60, ..endless() };
    let tasks = vec![works(3.0, 11.0), works(20.0, 50.0), works(0.5, 2.0)];
    let card = Card::new(rule, 4, 100, tasks).run(5_000.0);
    let TimeSpent { computing, changing, free } = card.turns.spent;
    assert_eq!(computing + changing + free, secs(5_000.0));
    let had: f64 = card.seen.iter().map(|seen| seen.had).sum();
    near(had, computing.as_secs_f64(), 1e-6);
    assert!(!changing.is_zero() && !free.is_zero());
}

/// Check 12.
#[test]
fn the_same_tasks_have_the_same_turns() {
    let run = || {
        let tasks = vec![endless(), Task { work: Some((1.3, 2.9)), ..endless() }, set_of(70)];
        Card::new(rule(2.0), 4, 100, tasks).run(1_000.0).seen
    };
    assert_eq!(run(), run());
}
