use std::sync::Arc;

use connector::{Timestamp, Tokens};
use proptest::prelude::*;

use super::{reference::Reference, *};
use crate::step_time::{AttentionPoint, BatchTime, Linear, Roofline, RooflineCosts, Roofs, Table};

/// Nanoseconds in which all that may be left gets done.
const LONG_AFTER: u64 = 1_000_000_000_000;

/// What is done to both engines, a while after the thing before.
#[derive(Clone, Copy, Debug)]
enum Act {
    Submit {
        prompt: u32,
        output: u32,
        rank: u8,
        content: u8,
        watched: bool,
    },
    Cancel(u8),
    Withdraw(u8),
    /// Goes on with so many thirds of what was computed.
    ResumeJob {
        which: u8,
        thirds: u8,
    },
    Speed(u8),
    Suspend,
    Resume,
    Evict,
    Wait,
    DrainGaps,
}

fn act() -> impl Strategy<Value = Act> {
    let submit = (1..60u32, 1..40u32, 0..3u8, 0..4u8, prop::bool::weighted(0.1)).prop_map(
        |(prompt, output, rank, content, watched)| Act::Submit {
            prompt,
            output,
            rank,
            content,
            watched,
        },
    );
    prop_oneof![
        12 => submit,
        2 => any::<u8>().prop_map(Act::Cancel),
        2 => any::<u8>().prop_map(Act::Withdraw),
        2 => (any::<u8>(), 0..4u8).prop_map(|(which, thirds)| Act::ResumeJob { which, thirds }),
        1 => (0..5u8).prop_map(Act::Speed),
        1 => Just(Act::Suspend),
        2 => Just(Act::Resume),
        1 => Just(Act::Evict),
        2 => Just(Act::Wait),
        1 => Just(Act::DrainGaps),
    ]
}

/// Time that passes before an act: often none, mostly short, sometimes long.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 6 => 1..20_000_000u64, 3 => 1..1_000_000_000u64]
}

prop_compose! {
    fn limits()(
        max_sequences in 1..9u32,
        token_budget in 4..70u32,
        block_shift in 0..5u32,
        content_shift in 0..3u32,
        spare_blocks in 0..40u64,
        reserve_prompt: bool,
        prefix_caching: bool,
        priority: bool,
        speculation in prop::option::weighted(0.3, (1..4u32, 0.0..0.95f64)),
    ) -> Limits {
        let block_tokens = 1 << block_shift;
        // The longest job takes 99 tokens, and a few for drafts.
        let kv_blocks = u64::from(104u32.div_ceil(block_tokens)) + spare_blocks;
        Limits {
            max_sequences,
            token_budget,
            block_tokens,
            kv_blocks,
            reserve_prompt,
            prefix_caching,
            content_tokens: block_tokens << content_shift,
            policy: if priority { Policy::Priority } else { Policy::Fcfs },
            speculation: speculation.map(|(drafts, acceptance)| Speculation { drafts, acceptance }),
        }
    }
}

fn time() -> impl Strategy<Value = BatchTime> {
    let linear = (1.0..3000.0f64, 0.0..300.0f64, 0.0..100.0f64, 0.0..10.0f64).prop_map(
        |(base, sequence, prompt, context)| {
            let us = 1000.0;
            BatchTime::Linear(Linear::new(base * us, sequence * us, prompt * us, context * us))
        },
    );
    let prompt_step = prop_oneof![Just(0.0), 1e5..4e6f64];
    let per_token = (1e3..1e5f64, prop_oneof![Just(0.0), 1e3..1e5f64], 0..40u32);
    let roofline = (per_token, 1e3..3e6f64, 0.0..1e4f64, 0.0..1e3f64, prompt_step, any::<bool>());
    let roofline =
        roofline.prop_map(|(per_token, weights, per_context_token, per_pair, prompt_step, two)| {
            let (per_token, per_token_beyond, long_step) = per_token;
            let costs = RooflineCosts {
                per_token,
                weights,
                per_pair,
                per_context_token,
                per_token_beyond,
                long_step,
                prompt_step,
                ..RooflineCosts::default()
            };
            BatchTime::Roofline(Roofline::new(costs, if two { Roofs::Two } else { Roofs::One }))
        });
    prop_oneof![3 => linear, 3 => roofline, 1 => table()]
}

/// Kernels measured at few places, so that stretches run across them.
fn table() -> impl Strategy<Value = BatchTime> {
    let us = || 1e3..3e6f64;
    let ends = (us(), us(), us(), us());
    (ends, prop::collection::vec(us(), 16)).prop_map(|((few, many, one, all), attention)| {
        let mut ns = attention.into_iter();
        let mut points = Vec::new();
        let mut measure = |prefill_tokens, prefill_context, decodes, decode_context| {
            let ns = ns.next().unwrap_or(5e5);
            let point =
                AttentionPoint { prefill_tokens, prefill_context, decodes, decode_context, ns };
            points.push(point);
        };
        for decodes in [1, 6] {
            for context in [8, 30] {
                measure(0, 0, decodes, context);
            }
        }
        for tokens in [1, 40] {
            for context in [0, 50] {
                measure(tokens, context, 0, 0);
                measure(tokens, context, 2, 20);
            }
        }
        let table = Table::new(&[(1, few), (70, many)], &[(1, one), (8, all)], &points, 1e3);
        BatchTime::Table(Arc::new(table.expect("a table without holes")))
    })
}

/// Ids of a prompt: prompts of one family begin alike.
fn content(family: u8, prompt: u32, limits: &Limits) -> Option<Arc<[u64]>> {
    let ids = u64::from(prompt.div_ceil(limits.content_tokens));
    (family > 0).then(|| {
        (0..ids)
            .map(|index| {
                // The last id stands for fewer tokens, so it depends on how many.
                let whole = (index + 1) * u64::from(limits.content_tokens) <= u64::from(prompt);
                let length = if whole { 0 } else { u64::from(prompt) };
                u64::from(family) * 1_000_000 + index * 1_000 + length
            })
            .collect()
    })
}

/// Both engines, and the jobs that they were given.
struct Pair {
    engine: Engine,
    reference: Reference,
    limits: Limits,
    keys: Vec<SequenceKey>,
    /// Jobs that were taken out.
    aside: Vec<(Job, Carried)>,
    fraction: f64,
    ours: bool,
}

impl Pair {
    fn new(limits: Limits, time: BatchTime) -> Self {
        let mut engine = Engine::new(limits, time.clone());
        let mut reference = Reference::new(limits, time);
        engine.resume(Timestamp::ZERO);
        reference.set_speed(Timestamp::ZERO, 1.0);
        let (keys, aside) = (Vec::new(), Vec::new());
        Self { engine, reference, limits, keys, aside, fraction: 1.0, ours: true }
    }

    fn jobs(&mut self, now: Timestamp, act: Act) {
        match act {
            Act::Submit { prompt, output, rank, content: family, watched } => {
                let id = self.keys.len() as u64;
                let (prompt, output) = (Tokens::new(prompt), Tokens::new(output));
                let content = content(family, prompt.get(), &self.limits);
                let job = Job { id, prompt, output, rank, content, watched };
                self.keys.push(self.engine.submit(now, job.clone()));
                self.reference.submit(now, job, Carried::default());
            }
            Act::Cancel(which) if !self.keys.is_empty() => {
                let which = usize::from(which) % self.keys.len();
                self.engine.cancel(now, self.keys[which]);
                self.reference.cancel(now, which as u64);
            }
            Act::Withdraw(which) if !self.keys.is_empty() => {
                let which = usize::from(which) % self.keys.len();
                let withdrawn = self.engine.withdraw(now, self.keys[which]);
                let expected = self.reference.withdraw(now, which as u64);
                assert_eq!(withdrawn.as_ref().map(|(_, carried)| *carried), expected);
                self.aside.extend(withdrawn);
            }
            Act::ResumeJob { which, thirds } if !self.aside.is_empty() => {
                let which = usize::from(which) % self.aside.len();
                let (job, mut carried) = self.aside.swap_remove(which);
                carried.computed = carried.computed * u32::from(thirds) / 3;
                let job = Job { id: self.keys.len() as u64, ..job };
                self.keys.push(self.engine.resume_job(now, job.clone(), carried));
                self.reference.submit(now, job, carried);
            }
            _ => {
                self.engine.advance(now);
                self.reference.advance(now);
            }
        }
    }

    fn act(&mut self, now: Timestamp, act: Act, drained: &mut Vec<(u64, u64)>) {
        match act {
            Act::Speed(tenths) => {
                self.fraction = f64::from(tenths) / 3.0;
                self.engine.set_speed(now, self.fraction);
                self.reference.set_speed(now, if self.ours { self.fraction } else { 0.0 });
            }
            Act::Suspend => {
                self.ours = false;
                self.engine.suspend(now);
                self.reference.set_speed(now, 0.0);
            }
            Act::Resume => {
                self.ours = true;
                self.engine.resume(now);
                self.reference.set_speed(now, self.fraction);
            }
            Act::Evict => {
                self.ours = false;
                self.engine.evict(now);
                self.reference.evict(now);
            }
            Act::DrainGaps => {
                drained.extend(self.engine.drain_gaps(now));
                self.reference.advance(now);
                assert_eq!(count(drained), self.reference.gaps.len() as u64);
            }
            act => self.jobs(now, act),
        }
    }
}

fn compare(limits: Limits, time: BatchTime, acts: Vec<(u64, Act)>) {
    let mut pair = Pair::new(limits, time);
    let (mut news, mut drained, mut now) = (Vec::new(), Vec::new(), 0);
    let at = Timestamp::from_nanos;
    for (pause, act) in acts {
        now += pause;
        let promised = pair.engine.next_event();
        pair.act(at(now), act, &mut drained);
        assert!(pair.engine.kv_cache(at(now)).is_none_or(|(blocks, in_use)| in_use <= blocks));
        let latest: Vec<Progress> = pair.engine.drain_news().collect();
        assert!(tokens(&latest).all(|at| promised.is_some_and(|promised| at >= promised)));
        news.extend(latest);
        assert_same(&news, &pair.reference.news);
    }
    let Pair { mut engine, mut reference, .. } = pair;
    news.extend(run_to_the_end(&mut engine, &mut reference, now));
    assert_same(&news, &reference.news);
    assert_eq!((engine.running(), engine.waiting()), (0, 0));
    assert_eq!(engine.memory.free(), limits.kv_blocks, "every block was given back");
    drained.extend(engine.drain_gaps(at(now + LONG_AFTER)));
    assert_gaps_agree(drained, &mut reference.gaps);
}

/// Lets both do all that is left at full speed; returns what the engine tells.
fn run_to_the_end(engine: &mut Engine, reference: &mut Reference, now: u64) -> Vec<Progress> {
    let start = Timestamp::from_nanos(now);
    engine.set_speed(start, 1.0);
    engine.resume(start);
    reference.set_speed(start, 1.0);
    let mut news = Vec::new();
    while let Some(next) = engine.next_event() {
        engine.advance(next);
        news.extend(engine.drain_news());
    }
    reference.advance(Timestamp::from_nanos(now + LONG_AFTER));
    news
}

/// When tokens that are told came.
fn tokens(news: &[Progress]) -> impl Iterator<Item = Timestamp> + '_ {
    let silent = |kind| matches!(kind, ProgressKind::Scheduled { .. } | ProgressKind::Preempted);
    news.iter().filter(move |progress| !silent(progress.kind)).map(|progress| progress.at)
}

/// The same of every job, or where they part. What happens to several jobs at one instant is in no
/// order.
fn assert_same(news: &[Progress], reference: &[Progress]) {
    let sorted = |news: &[Progress]| {
        let mut sorted = news.to_vec();
        sorted.sort_by_key(|progress| (progress.at, progress.id));
        sorted
    };
    let (news, reference) = (sorted(news), sorted(reference));
    if news == reference {
        return;
    }
    let parts = news.iter().zip(&reference).position(|(a, b)| a != b);
    let at = parts.unwrap_or(news.len().min(reference.len()));
    assert_eq!(
        news.get(at),
        reference.get(at),
        "number {at}, after {:?}, then {:?} against {:?}",
        &news[at.saturating_sub(9)..at],
        &news[at..news.len().min(at + 5)],
        &reference[at..reference.len().min(at + 5)]
    );
}

/// As many, and each quantile the same within a bucket and the rounding to a nanosecond.
fn assert_gaps_agree(mut gaps: Vec<(u64, u64)>, exact: &mut [u64]) {
    exact.sort_unstable();
    gaps.sort_unstable();
    assert_eq!(count(&gaps), exact.len() as u64);
    for percent in [1, 10, 50, 90, 99, 100] {
        let rank = (exact.len() * percent as usize).div_ceil(100).max(1);
        let mut left = rank as u64;
        let found = gaps.iter().find(|(_, count)| {
            let here = left <= *count;
            left = left.saturating_sub(*count);
            here
        });
        let Some(&(found, _)) = found else { continue };
        let (low, high) =
            (exact[rank - 1] as f64 * 0.98 - 1024.0, exact[rank - 1] as f64 * 1.02 + 1024.0);
        let found = found as f64;
        assert!((low..=high).contains(&found), "p{percent}: {found} against {}", exact[rank - 1]);
    }
}

fn count(gaps: &[(u64, u64)]) -> u64 {
    gaps.iter().map(|(_, count)| count).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

    /// Every first token, every watched token, every end and every preemption, to the nanosecond.
    #[test]
    fn jumping_and_stepping_agree(
        limits in limits(),
        time in time(),
        acts in prop::collection::vec((pause(), act()), 1..40),
    ) {
        compare(limits, time, acts);
    }
}

/// Steps of whole microseconds, so that what is done comes at the very start of one.
#[test]
fn who_leaves_is_gone_after_the_step_that_somebody_with_a_long_prompt_joined() {
    let submit =
        |prompt, output| Act::Submit { prompt, output, rank: 0, content: 0, watched: true };
    let limits = Limits { token_budget: 4, kv_blocks: 40, ..Limits::default() };
    for leave in [Act::Cancel(0), Act::Withdraw(0)] {
        let acts = vec![(0, submit(1, 10)), (1_000, leave), (0, submit(50, 10))];
        compare(limits, BatchTime::Linear(Linear::new(1_000.0, 0.0, 0.0, 0.0)), acts);
    }
}
