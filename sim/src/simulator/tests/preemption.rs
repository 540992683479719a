//! Whose share goes, and what becomes of those that wait for another place.

use proptest::prelude::*;

use super::*;
use crate::config::{KeptProgress, ModelShape, RequeueConfig, VictimRule};

const GRACE: Duration = Duration::from_secs(1);

fn rank(rank: u8) -> Priority {
    Priority::new(rank).expect("at most 9")
}

fn requeue(progress: KeptProgress) -> RequeueConfig {
    RequeueConfig { max_wait: Duration::from_secs(60), max_waiting: 10, progress }
}

/// One card for one share at a time; a prompt token takes a millisecond, an iteration ten.
fn one_place(requeue: Option<RequeueConfig>) -> ProviderConfig {
    let mut config = one_pool();
    let pool = &mut config.pools[0];
    (pool.count, pool.sharing_ratio) = (1, 1);
    pool.preemption =
        Some(PreemptionConfig { grace: GRACE, requeue, ..PreemptionConfig::default() });
    let timing = LinearTiming {
        base: Duration::from_millis(10),
        per_prompt_token: Duration::from_millis(1),
        weight_bytes: 2e9,
        ..LinearTiming::default()
    };
    config.models[0].timing = Timing::Linear(timing);
    config
}

fn humble() -> Allocate {
    Allocate { preemptible: true, ..ask() }
}

fn rival() -> Allocate {
    Allocate { priority: rank(5), ..ask() }
}

/// A share with an inference whose first token is out at 250 ms is taken away at 1,250 ms and has its
/// place again at 1,290 ms. Returns its name.
fn interrupted(world: &mut World) -> AllocationId {
    let share = world.grant(humble());
    world.infer(share, 200);
    assert_eq!(world.wait(), (250, EventKind::FirstToken { ticket: Ticket(2) }));
    let other = world.grant(rival());
    assert_eq!(world.ms(), 1_290, "the grace, and the way of the answer");
    assert_eq!(world.gauge().set_aside.waiting, 1);
    world.submit(Operation::Release { allocation: other });
    share
}

#[test]
fn an_inference_goes_on_where_it_was_after_it_is_computed_again() {
    let mut world = World::new(one_place(Some(requeue(KeptProgress::Recompute))));
    interrupted(&mut world);
    assert_eq!(
        world.wait(),
        (1_310, EventKind::Completed { ticket: Ticket(4), result: Ok(Reply::Released) })
    );
    // 101 tokens were out; with the prompt 201 to compute, and the next one at the end of that.
    let (at, done) = world.wait();
    assert_eq!(at, 1_290 + (10 + 201) + 98 * 10);
    let usage = connector::Usage::computed(Tokens::new(100), Tokens::new(200));
    let result = Ok(Reply::Generated { usage, text: None });
    assert_eq!(done, EventKind::Completed { ticket: Ticket(2), result });
    let gauge = world.gauge();
    assert_eq!(gauge.preemptions, 1);
    let set_aside =
        connector::SetAside { waiting: 0, requeued: 1, resumed: 1, recomputed_tokens: 200 };
    assert_eq!(gauge.set_aside, set_aside);
}

#[test]
fn with_a_checkpoint_only_the_last_token_is_computed() {
    let kept = KeptProgress::Checkpoint { bandwidth: None };
    let mut world = World::new(one_place(Some(requeue(kept))));
    interrupted(&mut world);
    world.wait();
    assert_eq!(world.wait().0, 1_290 + (10 + 1) + 98 * 10);
    assert_eq!(world.gauge().set_aside.recomputed_tokens, 0);
}

#[test]
fn the_gap_across_an_interruption_is_one_gap() {
    let mut world = World::new(one_place(Some(requeue(KeptProgress::Recompute))));
    interrupted(&mut world);
    world.run_until(5_000);
    let mut gaps = Vec::new();
    world.simulator.token_gaps(world.now, &mut |of| gaps.push((of.count, of.gap.as_nanos())));
    assert_eq!(gaps.iter().map(|(count, _)| count).sum::<u64>(), 199, "of 200 tokens");
    let (count, longest) = gaps.iter().copied().max_by_key(|(_, gap)| *gap).expect("gaps");
    assert_eq!((count, longest / 1_000_000), (1, 251), "from 1,250 ms to 1,501 ms");
}

/// 16 KiB of keys and values per token.
fn with_kv() -> Timing {
    Timing::Roofline(ModelShape {
        parameters: 1e9,
        active_parameters: 1e9,
        vocabulary: 0,
        tied_embeddings: false,
        weight_bits: 16,
        kv_bits: 16,
        layers: 4,
        heads: 8,
        kv_heads: 8,
        head_dim: 128,
        hidden: 1024,
    })
}

#[test]
fn what_does_not_fit_in_the_grace_is_computed_again() {
    let per_token = 2.0 * 2.0 * 4.0 * 8.0 * 128.0;
    let kept = KeptProgress::Checkpoint { bandwidth: Some(60.0 * per_token) };
    let mut config = one_place(Some(requeue(kept)));
    config.models[0].timing = with_kv();
    let mut world = World::new(config);
    let share = world.grant(humble());
    world.infer(share, 100_000);
    world.wait();
    world.infer(share, 100_000);
    world.wait();
    let other = world.grant(rival());
    let lost = world.gauge().set_aside.recomputed_tokens;
    let held = world.simulator.inferences.values();
    let (made, computed): (Vec<u32>, Vec<u32>) = held
        .map(|inference| match &inference.stage {
            infer::Stage::Aside(aside) => (aside.carried.made, aside.carried.computed),
            _ => panic!("it waits"),
        })
        .unzip();
    assert_eq!(computed, [60, 0], "60 are written in a second, of the first first");
    let all: u32 = made.iter().map(|made| 100 + made - 1).sum();
    assert_eq!(lost, u64::from(all - 60));
    world.submit(Operation::Release { allocation: other });
    let running = |world: &mut World| world.gauge().running;
    world.run_until(world.ms() + 990);
    assert_eq!(running(&mut world), 0, "60 tokens take a second to read");
    world.run_until(world.ms() + 30);
    assert_eq!(running(&mut world), 2);
}

#[test]
fn who_waits_too_long_is_lost() {
    let rules = RequeueConfig { max_wait: GRACE * 3, ..requeue(KeptProgress::Recompute) };
    let mut world = World::new(one_place(Some(rules)));
    let share = world.grant(humble());
    world.infer(share, 10_000);
    world.wait();
    world.grant(rival());
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (4_250, Err(ErrorKind::Preempted)));
    assert_eq!(world.refusal(Operation::Release { allocation: share }), ErrorKind::NotFound);
    assert_eq!((world.simulator.held(), world.gauge().set_aside.resumed), (1, 0));
}

#[test]
fn a_full_line_takes_nobody() {
    let rules = RequeueConfig { max_waiting: 0, ..requeue(KeptProgress::Recompute) };
    let mut world = World::new(one_place(Some(rules)));
    let share = world.grant(humble());
    world.infer(share, 10_000);
    world.wait();
    world.submit(Operation::Allocate(rival()));
    let (at, lost) = world.completion();
    assert_eq!((at, lost.map_err(|e| e.kind)), (1_250, Err(ErrorKind::Preempted)));
    assert_eq!(world.gauge().set_aside.requeued, 0);
}

#[test]
fn who_waits_can_be_cancelled_and_released_and_asked() {
    let mut world = World::new(one_place(Some(requeue(KeptProgress::Recompute))));
    let share = world.grant(humble());
    world.infer(share, 10_000);
    world.wait();
    let other = world.grant(rival());
    world.submit(Operation::Cancel { inference: Ticket(2) });
    let (_, cancelled) = world.completion();
    assert_eq!(cancelled.map_err(|e| e.kind), Err(ErrorKind::Conflict));
    assert_eq!(world.completion().1, Ok(Reply::Cancelled));
    // An inference that comes now waits with its share.
    world.infer(share, 1);
    world.run_until(3_000);
    assert_eq!(world.list().len(), 2, "it is still held");
    let asked = world.now;
    world.submit(Operation::Release { allocation: other });
    assert!(matches!(world.wait().1, EventKind::Completed { result: Ok(Reply::Released), .. }));
    assert!(matches!(world.wait().1, EventKind::FirstToken { .. }));
    assert_eq!(world.now.since(asked), Duration::from_millis(110), "its prompt, at once");
    world.completion().1.expect("answered");

    let other = world.grant(rival());
    world.release(share);
    assert_eq!((world.simulator.held(), world.gauge().set_aside.waiting), (1, 0));
    world.release(other);
    assert_eq!(world.gauge().slots_held, 0);
}

#[test]
fn the_higher_rank_and_then_the_older_is_placed_first() {
    let mut config = one_place(Some(requeue(KeptProgress::Recompute)));
    config.pools[0].sharing_ratio = 3;
    let mut world = World::new(config);
    let ranks = [1, 2, 1];
    let held = ranks.map(|priority| world.grant(Allocate { priority: rank(priority), ..humble() }));
    let rivals = [(); 3].map(|()| world.grant(rival()));
    assert_eq!(world.gauge().set_aside.waiting, 3);
    let placed = |world: &World| -> Vec<AllocationId> {
        let placed = world.simulator.shares.iter().filter(|(_, share)| share.at.is_some());
        placed.map(|(key, _)| key.id()).filter(|id| held.contains(id)).collect()
    };
    let mut expected = Vec::new();
    for (rival, next) in rivals.into_iter().zip([held[1], held[0], held[2]]) {
        world.release(rival);
        expected.push(next);
        expected.sort();
        let mut placed = placed(&world);
        placed.sort();
        assert_eq!(placed, expected);
    }
}

#[test]
fn the_meter_does_not_run_while_a_share_waits() {
    let mut world = World::new(one_place(Some(requeue(KeptProgress::Recompute))));
    let share = world.grant(humble());
    let other = world.grant(rival());
    world.run_until(10_000);
    let one_place = u128::from(world.now.as_nanos());
    assert_eq!(world.usage().slot_ns, one_place, "the card has one place");
    assert_eq!(world.usage().slots_held, 1);
    world.release(other);
    world.run_until(20_000);
    world.release(share);
    let one_place = u128::from(world.now.as_nanos()) - 20_000_000;
    assert_eq!(world.usage().slot_ns, one_place);
}

/// A share for the test of choices.
#[derive(Clone, Copy, Debug)]
struct Held {
    gib: u64,
    tflops: u64,
    rank: u8,
    preemptible: bool,
    prompt: u32,
    wait_ms: u64,
}

fn held() -> impl Strategy<Value = Held> {
    let prompt = prop_oneof![1 => Just(0), 2 => 1..400u32];
    (1..14u64, 0..60u64, 0..6u8, prop::bool::weighted(0.8), prompt, 0..1_500u64).prop_map(
        |(gib, tflops, rank, preemptible, prompt, wait_ms)| Held {
            gib,
            tflops,
            rank,
            preemptible,
            prompt,
            wait_ms,
        },
    )
}

fn of(held: Held, overcommit: bool) -> Allocate {
    let requirements =
        Requirements { tflops: Tflops::new(held.tflops), vram: Mebibytes::from_gib(held.gib) };
    let (priority, preemptible) = (rank(held.rank), held.preemptible);
    Allocate { requirements, overcommit, priority, preemptible, ..ask() }
}

/// The answer to this question, whatever else happens before.
fn answer_to(world: &mut World, asked: Ticket) -> Result<Reply, connector::Error> {
    loop {
        match world.wait().1 {
            EventKind::Completed { ticket, result } if ticket == asked => return result,
            _ => {}
        }
    }
}

/// What a rule makes least, as its words say, for one share.
fn badness(world: &mut World, rule: VictimRule, key: ShareKey) -> (u128, std::cmp::Reverse<u64>) {
    let share = &world.simulator.shares[key];
    let age = std::cmp::Reverse(share.age);
    let ask = share.ask;
    let card = &world.simulator.pools[0].config;
    let parts = [
        u128::from(ask.requirements.vram.get()) * u128::from(card.tflops().as_gflops()),
        u128::from(ask.requirements.tflops.as_gflops()) * u128::from(card.vram().get()),
    ];
    let first = match rule {
        VictimRule::LowestTier => u128::from(ask.priority.rank()),
        VictimRule::Youngest => 0,
        VictimRule::Cheapest => {
            let paid = u128::from(world.now.since(share.stay.granted).as_nanos());
            paid * parts.into_iter().max().unwrap_or_default()
        }
        VictimRule::LeastProgressLost => {
            let (at, inferences) = (share.at.expect("nobody waits"), share.inferences.clone());
            let mut sum = 0;
            for inference in inferences {
                let inference = &world.simulator.inferences[inference];
                let infer::Stage::AtEngine(sequence) = inference.stage else { continue };
                let prompt = inference.prompt();
                let station = &mut world.simulator.pools[0].cards[at.card].stations[at.station];
                let so_far = station.engine.progress(world.now, sequence);
                sum += so_far.map_or(0, |so_far| u128::from(so_far.work(prompt)));
            }
            sum
        }
    };
    (first, age)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Looking at everybody finds the same, whatever is held.
    #[test]
    fn the_choice_is_the_one_that_its_rule_names(
        shares in prop::collection::vec(held(), 1..24),
        asked in held(),
        (cards, places) in (1..4u32, 1..8u32),
        overcommit: bool,
    ) {
        let mut config = one_pool();
        (config.pools[0].count, config.pools[0].sharing_ratio) = (cards, places);
        config.pools[0].preemption = Some(after(GRACE));
        config.pools[0].serving.max_sequences = 3;
        let mut world = World::new(config);
        for held in shares {
            let firm = Allocate { preemptible: false, priority: rank(0), ..of(held, overcommit) };
            let ticket = world.submit(Operation::Allocate(firm));
            let answer = answer_to(&mut world, ticket);
            let Ok(Reply::Granted { allocation }) = answer else { continue };
            // Nobody was taken away for it; what it is becomes known now.
            let key = ShareKey::from_id(allocation);
            world.simulator.shares[key].ask = of(held, overcommit);
            world.simulator.expose(key);
            if held.prompt > 0 {
                world.infer(allocation, held.prompt);
            }
            world.run_until(world.ms() + held.wait_ms);
        }
        let ask = of(asked, overcommit);
        let pool = &world.simulator.pools[0];
        let lower: Vec<ShareKey> = world.simulator.shares.iter()
            .filter(|(_, share)| share.ask.preemptible && share.ask.priority < ask.priority)
            .filter(|(_, share)| share.at.is_some_and(|at| pool.would_have_room(at.card, &ask, &share.ask)))
            .map(|(key, _)| key)
            .collect();
        for rule in VictimRule::ALL {
            let mut best = lower.clone();
            best.sort_by_cached_key(|&key| badness(&mut world, rule, key));
            let now = world.now;
            prop_assert_eq!(world.simulator.victim_for(now, rule, &ask), best.first().copied());
        }
    }
}
