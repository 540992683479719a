use std::collections::BTreeSet;

use connector::Duration;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::ZERO;

/// A line of numbers, with what is needed to leave it again.
struct Standing {
    line: Line<u64>,
    places: Vec<(Place, Priority)>,
    staying: BTreeSet<u64>,
}

impl Standing {
    fn new(discipline: Discipline, weights: &[u32]) -> Self {
        let line = Line::new(discipline, weights);
        Self { line, places: Vec::new(), staying: BTreeSet::new() }
    }

    fn entrant(&self, tenant: u32, rank: u8, work: u64) -> Entrant<u64> {
        let priority = Priority::new(rank).expect("a rank");
        Entrant { key: self.places.len() as u64, tenant: TenantId(tenant), priority, work }
    }

    fn join(&mut self, now: Timestamp, tenant: u32, rank: u8, work: u64) -> u64 {
        let entrant = self.entrant(tenant, rank, work);
        let place = self.line.join(now, entrant.key, &entrant);
        self.places.push((place, entrant.priority));
        self.staying.insert(entrant.key);
        entrant.key
    }

    fn leave(&mut self, key: u64) {
        let (place, priority) = self.places[key as usize];
        self.staying.remove(&key);
        let staying = &self.staying;
        self.line.leave(NOW, place, priority, |number, _| staying.contains(&number));
    }

    fn serve_at(&mut self, now: Timestamp) -> Option<u64> {
        let key = self.line.front(now)?;
        let (place, priority) = self.places[key as usize];
        self.staying.remove(&key);
        let staying = &self.staying;
        self.line.serve(now, place, priority, |number, _| staying.contains(&number));
        Some(key)
    }

    fn serve(&mut self) -> Option<u64> {
        self.serve_at(NOW)
    }

    fn serve_all(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.serve()).collect()
    }
}

/// Tenant, rank and work of those who join one after the other.
fn order(discipline: Discipline, joining: &[(u32, u8, u64)]) -> Vec<u64> {
    let mut standing = Standing::new(discipline, &[1, 1, 2]);
    for &(tenant, rank, work) in joining {
        standing.join(NOW, tenant, rank, work);
    }
    standing.serve_all()
}

#[test]
fn every_discipline_has_its_order_and_ties_go_by_joining() {
    let joining = [(0, 5, 30), (0, 5, 10), (0, 9, 30), (1, 5, 10), (0, 0, 20)];
    assert_eq!(order(Discipline::Fifo, &joining), [0, 1, 2, 3, 4]);
    assert_eq!(order(Discipline::Lifo, &joining), [4, 3, 2, 1, 0]);
    assert_eq!(order(Discipline::Shortest, &joining), [1, 3, 4, 0, 2]);
    assert_eq!(order(Discipline::Priority, &joining), [2, 0, 1, 3, 4]);
    assert_eq!(order(Discipline::WeightedFair, &joining), [0, 3, 1, 2, 4]);
}

#[test]
fn fair_tags_are_those_of_the_definition() {
    // Works 4, 4, 4 of weight 1 start at 0, 4, 8; works 6, 6, 6 of weight 2 at 0, 3, 6.
    let joining = [(0, 5, 4), (0, 5, 4), (0, 5, 4), (2, 5, 6), (2, 5, 6), (2, 5, 6)];
    assert_eq!(order(Discipline::WeightedFair, &joining), [0, 3, 4, 1, 5, 2]);
}

#[test]
fn who_comes_late_to_a_fair_line_begins_at_virtual_time_and_has_nothing_saved_up() {
    let mut standing = Standing::new(Discipline::WeightedFair, &[1, 1]);
    (0..100).for_each(|_| _ = standing.join(NOW, 0, 5, 1));
    (0..50).for_each(|_| _ = standing.serve());
    let late: Vec<u64> = (0..10).map(|_| standing.join(NOW, 1, 5, 1)).collect();
    let next: Vec<u64> = (0..20).filter_map(|_| standing.serve()).collect();
    let of_late = next.iter().filter(|key| late.contains(key)).count();
    assert_eq!(of_late, 10, "every second turn, not the first ten: {next:?}");
    assert!(!late.contains(&next[1]) || !late.contains(&next[2]));
}

#[test]
fn who_leaves_a_fair_line_unserved_has_not_paid() {
    let mut standing = Standing::new(Discipline::WeightedFair, &[1, 1]);
    let gone: Vec<u64> = (0..100).map(|_| standing.join(NOW, 0, 5, 1_000)).collect();
    for key in gone {
        standing.leave(key);
    }
    let mine = standing.join(NOW, 0, 5, 1);
    standing.join(NOW, 1, 5, 1);
    assert_eq!(standing.serve(), Some(mine));
}

#[test]
fn a_full_line_pushes_out_whom_its_order_puts_last() {
    for (discipline, newcomer, loser) in [
        (Discipline::Fifo, (0, 9, 1), None),
        (Discipline::Lifo, (0, 0, 99), Some(0)),
        (Discipline::Shortest, (0, 5, 15), Some(2)),
        (Discipline::Shortest, (0, 5, 30), None),
        (Discipline::Priority, (0, 6, 1), Some(3)),
        (Discipline::Priority, (0, 5, 1), None),
        // Tenant 0 has three in line, tenant 1 one.
        (Discipline::WeightedFair, (1, 0, 99), Some(2)),
        (Discipline::WeightedFair, (0, 9, 1), None),
    ] {
        let mut standing = Standing::new(discipline, &[1, 1]);
        for (tenant, rank, work) in [(0, 9, 10), (0, 7, 20), (0, 6, 30), (1, 5, 5)] {
            standing.join(NOW, tenant, rank, work);
        }
        let (tenant, rank, work) = newcomer;
        let entrant = standing.entrant(tenant, rank, work);
        assert_eq!(standing.line.loser(4, &entrant), loser, "{discipline:?} {newcomer:?}");
    }
}

#[test]
fn a_standing_line_turns_round_until_it_is_empty() {
    let at = |seconds| NOW + Duration::from_secs(seconds);
    let discipline = Discipline::AdaptiveLifo { after: Duration::from_secs(1) };
    let mut standing = Standing::new(discipline, &[1]);
    (0..4).for_each(|_| _ = standing.join(at(10), 0, 5, 1));
    assert_eq!(standing.serve_at(at(11)), Some(0));
    assert_eq!(standing.serve_at(at(12)), Some(3));
    assert_eq!(standing.serve_at(at(12)), Some(2));
    assert_eq!(standing.serve_at(at(13)), Some(1));
    (0..2).for_each(|_| _ = standing.join(at(13), 0, 5, 1));
    assert_eq!(standing.serve_at(at(13)), Some(4), "it was empty");
}

#[test]
fn those_ahead_are_counted_as_far_as_they_are_known() {
    for (discipline, ahead) in [
        (Discipline::Fifo, Some(4)),
        (Discipline::Lifo, Some(0)),
        (Discipline::Priority, Some(2)),
        (Discipline::Shortest, None),
        // The second of its tenant: after a round of both, one of each is ahead, and the other's.
        (Discipline::WeightedFair, Some(3)),
    ] {
        let mut standing = Standing::new(discipline, &[1, 1]);
        for (tenant, rank) in [(0, 9), (0, 7), (0, 3), (1, 5)] {
            standing.join(NOW, tenant, rank, 10);
        }
        let entrant = standing.entrant(1, 6, 10);
        assert_eq!(standing.line.ahead(&entrant), ahead, "{discipline:?}");
    }
}

/// What each tenant was served while all of them always wait: requests and work.
fn saturate(weights: &[u32], works: &[Vec<u64>], served: u64) -> Vec<(u64, u64)> {
    let mut standing = Standing::new(Discipline::WeightedFair, weights);
    let mut sent = vec![0; weights.len()];
    let mut of = Vec::new();
    let mut send = |standing: &mut Standing, of: &mut Vec<(usize, u64)>, tenant: usize| {
        let work = works[tenant][sent[tenant] % works[tenant].len()];
        sent[tenant] += 1;
        standing.join(NOW, tenant as u32, 5, work);
        of.push((tenant, work));
    };
    for tenant in 0..weights.len() {
        (0..3).for_each(|_| send(&mut standing, &mut of, tenant));
    }
    let mut totals = vec![(0, 0); weights.len()];
    for _ in 0..served {
        let key = standing.serve().expect("everybody waits");
        let (tenant, work) = of[key as usize];
        totals[tenant] = (totals[tenant].0 + 1, totals[tenant].1 + work);
        send(&mut standing, &mut of, tenant);
    }
    totals
}

/// Weights, works of requests, and how much longer all of them are.
fn tenants() -> impl Strategy<Value = (Vec<u32>, Vec<Vec<u64>>)> {
    let works = (proptest::collection::vec(1_u64..100, 1..8), 0_u32..3);
    proptest::collection::vec((1_u32..=8, works), 2..6).prop_map(|tenants| {
        let longer = |(works, scale): (Vec<u64>, u32)| {
            works.into_iter().map(|work| work * 10_u64.pow(scale)).collect()
        };
        tenants.into_iter().map(|(weight, works)| (weight, longer(works))).unzip()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Theorem 1 of Goyal et al. at the end of 100,000 services: tenants that always wait differ
    /// in work per weight by at most the longest request of each.
    #[test]
    fn tenants_that_always_wait_differ_by_one_request_of_each((weights, works) in tenants()) {
        let totals = saturate(&weights, &works, 100_000);
        let per_weight = |tenant: usize| totals[tenant].1 as f64 / f64::from(weights[tenant]);
        let longest = |tenant: usize| {
            let longest = works[tenant].iter().max().expect("there are some");
            *longest as f64 / f64::from(weights[tenant])
        };
        for one in 0..weights.len() {
            for other in 0..one {
                let apart = (per_weight(one) - per_weight(other)).abs();
                prop_assert!(apart <= longest(one) + longest(other) + 1e-3, "{totals:?}");
            }
        }
    }

    /// As soon as a hundred requests of each were served, heavy or light.
    #[test]
    fn shares_under_saturation_are_within_two_percent_of_the_weights((weights, works) in tenants()) {
        let totals = saturate(&weights, &works, 100_000);
        prop_assume!(totals.iter().all(|&(requests, _)| requests >= 100));
        let all: u64 = totals.iter().map(|&(_, work)| work).sum();
        let weight: u32 = weights.iter().sum();
        for (&(_, work), &own) in totals.iter().zip(&weights) {
            let (share, due) = (work as f64 / all as f64, f64::from(own) / f64::from(weight));
            prop_assert!((share / due - 1.0).abs() < 0.02, "{totals:?} for {weights:?}");
        }
    }

    /// 100,000 moves against a list that is searched from end to end.
    #[test]
    fn every_order_is_that_of_a_plain_list(seed in any::<u64>(), which in 0_usize..4) {
        let discipline = [
            Discipline::Fifo, Discipline::Lifo, Discipline::Shortest, Discipline::Priority,
        ][which];
        let mut standing = Standing::new(discipline, &[1, 1, 1]);
        let mut plain: Vec<(u64, u8, u64)> = Vec::new();
        let mut state = seed | 1;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..100_000 {
            match draw(5) {
                0 | 1 if plain.len() < 64 => {
                    let (rank, work) = (draw(10) as u8, draw(20));
                    let key = standing.join(NOW, draw(3) as u32, rank, work);
                    plain.push((key, rank, work));
                }
                2 if !plain.is_empty() => {
                    let (key, ..) = plain.swap_remove(draw(plain.len() as u64) as usize);
                    standing.leave(key);
                }
                _ => {
                    let next = match discipline {
                        Discipline::Lifo => plain.iter().max_by_key(|one| one.0),
                        Discipline::Shortest => plain.iter().min_by_key(|one| (one.2, one.0)),
                        Discipline::Priority => plain.iter().min_by_key(|one| (9 - one.1, one.0)),
                        _ => plain.iter().min_by_key(|one| one.0),
                    };
                    let next = next.map(|one| one.0);
                    prop_assert_eq!(standing.serve(), next);
                    plain.retain(|one| Some(one.0) != next);
                }
            }
            prop_assert_eq!(standing.line.waiting() as usize, plain.len());
        }
    }
}
