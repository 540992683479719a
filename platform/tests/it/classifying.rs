//! A model is asked for a request's class before the request is routed.

use connector::{
    ClassId, Content, Infer, ModelId, Operation, OperationKind, Outcome, PoolId, PoolKind,
    Rejection, RequestId, TenantId, Tokens,
};
use platform::{
    BreakerState, ConfigError, ConsultationStatistics, Platform, PlatformConfig,
    config::{BreakerConfig, Candidate, ModelClassifierConfig, RouterConfig},
};

use proptest::prelude::*;

use crate::{
    setting::{LARGE, SMALL, cable, every_pool, money, ms, pools, secs},
    world::{ALLOCATION, Answer, DOWN, INFERENCE, Says, World, no, yes_after},
};

const ASKED: PoolId = PoolId(1);
type Counter = fn(&ConsultationStatistics) -> u64;

const QUICK: Answer = Answer { after: ms(40), says: Says::Yes };

#[test]
fn the_models_word_decides_where_the_request_goes() {
    let mut world = World::new(asking());
    world.answer_with("2");
    world.script(1, OperationKind::Infer, [QUICK]);
    let id = ask(&mut world);
    world.run();
    let record = world.record_of(id);
    assert_eq!((record.class, record.model), (ClassId(1), LARGE));
    assert_eq!(world.platform.class_statistics()[1].by_model, 1);
    assert_eq!(statistics(&world).answered, 1);
    world.assert_nothing_leaked();
}

#[test]
fn asking_takes_the_requests_time_and_the_tenants_money_and_is_no_attempt() {
    let mut world = World::new(asking());
    world.answer_with("1");
    world.script(1, OperationKind::Infer, [QUICK]);
    let id = ask(&mut world);
    world.run();
    let record = world.record_of(id);
    let asking = ALLOCATION + ms(40);
    assert_eq!(record.end_to_end(), asking + ALLOCATION + INFERENCE);
    assert_eq!((record.attempts, record.fallbacks), (1, 0));
    assert_eq!(record.pool, Some(PoolId(0)));
    assert_eq!(statistics(&world).waited, asking);
    // 40 ms of the asked pool and 1 s of the other, both at 1.00 an hour.
    assert_eq!(record.cost, money("0.000011111") + money("0.000277778"));
    assert_eq!(world.platform.meters()[0].cost, record.cost);
    let [share, question] = &operations_on(&world, 1)[..2] else { panic!("two operations") };
    assert!(matches!(share, Operation::Allocate(asked) if asked.model == SMALL));
    let Operation::Infer(Infer { prompt, max_tokens, stream: false, .. }) = question else {
        panic!("not a question but {question:?}");
    };
    assert!(prompt.content.text().is_some_and(|text| text.contains("why is the sky blue")));
    assert!(*max_tokens <= Tokens::new(4));
}

#[test]
fn whatever_goes_wrong_the_request_goes_on_with_the_class_at_hand() {
    let late = yes_after(secs(2));
    let cases: [(&str, OperationKind, Answer, Counter); 6] = [
        ("no share", OperationKind::Allocate, no(DOWN), |all| all.failed),
        ("a late share", OperationKind::Allocate, late, |all| all.timeouts),
        ("no answer", OperationKind::Infer, no(DOWN), |all| all.failed),
        ("a late answer", OperationKind::Infer, late, |all| all.timeouts),
        (
            "preempted",
            OperationKind::Infer,
            Answer { after: ms(20), says: Says::Preempts },
            |all| all.failed,
        ),
        ("another question's", OperationKind::Infer, nonsense(), |all| all.failed),
    ];
    for (what, kind, answer, counted) in cases {
        let mut world = World::new(asking());
        world.answer_with("2");
        world.script(1, kind, [answer]);
        let id = ask(&mut world);
        world.run();
        let record = world.record_of(id);
        assert_eq!((record.outcome, record.class), (Outcome::Completed, ClassId(0)), "{what}");
        assert!(record.end_to_end() <= ms(300) + ALLOCATION + INFERENCE, "{what}");
        assert_eq!(counted(&statistics(&world)), 1, "{what}: {:?}", statistics(&world));
        assert_eq!(record.pool, Some(PoolId(0)), "{what}");
        world.assert_nothing_leaked();
    }
}

#[test]
fn an_answer_that_is_no_class_is_not_believed() {
    for words in ["", "3", "the second", "1 or 2"] {
        let mut world = World::new(asking());
        world.answer_with(words);
        world.script(1, OperationKind::Infer, [QUICK]);
        let id = ask(&mut world);
        world.run();
        assert_eq!(world.record_of(id).class, ClassId(0), "`{words}`");
        assert_eq!(statistics(&world).nonsense, 1, "`{words}`");
    }
}

#[test]
fn nobody_is_asked_who_has_no_place_at_once() {
    let mut config = asking();
    config.cables[1].max_in_flight = Some(1);
    config.cables[1].queue = 10;
    let mut world = World::new(config);
    let (first, second) = (ask(&mut world), ask(&mut world));
    world.run();
    let all = statistics(&world);
    assert_eq!((all.asked, all.skipped), (1, 1));
    assert_eq!(world.record_of(second).end_to_end(), ALLOCATION + INFERENCE);
    assert!(world.record_of(first).end_to_end() > ALLOCATION + INFERENCE);
}

#[test]
fn a_question_counts_towards_the_days_spend_where_the_answer_is_free() {
    let mut config = asking();
    config.cables[0].price_per_slot_hour = money("0");
    config.router = RouterConfig::Static(vec![every_pool(SMALL, 1), every_pool(LARGE, 1)]);
    // A question may take 300 ms at 1.00 an hour: one fits, two do not.
    config.tenants[0].quota.spend_per_day = Some(money("0.0001"));
    let mut world = World::new(config);
    let ids = [ask(&mut world), ask(&mut world)];
    world.run();
    let all = statistics(&world);
    assert_eq!((all.asked, all.skipped), (1, 1));
    assert!(ids.iter().all(|&id| world.record_of(id).outcome == Outcome::Completed));
}

#[test]
fn a_class_whose_pools_are_dearer_than_the_days_spend_allows_is_refused() {
    let mut config = asking();
    config.cables.push(cable(2, PoolKind::Standard, "10.00"));
    let dearer = Candidate { model: LARGE, pool: PoolId(2) };
    config.router = RouterConfig::Static(vec![every_pool(SMALL, 1), vec![dearer]]);
    // An inference may take 5 min: 0.083333333 on the first pool, ten times that on the third.
    config.tenants[0].quota.spend_per_day = Some(money("0.1"));
    let mut world = World::new(config);
    world.answer_with("2");
    world.script(1, OperationKind::Infer, [QUICK]);
    let id = ask(&mut world);
    world.run();
    let record = world.record_of(id);
    assert_eq!((record.rejection, record.attempts), (Some(Rejection::SpendQuota), 0));
    assert!(record.cost > money("0"), "the question was paid for");
    assert_eq!(operations_on(&world, 2), []);
    world.assert_nothing_leaked();
}

#[test]
fn what_needs_no_class_is_not_asked_about() {
    let mut world = World::new(asking());
    world.request_with(|request| request.class = Some(ClassId(1)));
    world.request_with(|request| request.model = Some(LARGE));
    world.run();
    assert_eq!(statistics(&world), ConsultationStatistics::default());
    let mut config = asking();
    config.classifier.classes.pop();
    config.router = platform::config::RouterConfig::Cheapest;
    let mut world = World::new(config);
    ask(&mut world);
    world.run();
    assert_eq!(statistics(&world), ConsultationStatistics::default());
}

#[test]
fn a_prompt_known_by_its_length_is_asked_about_with_filler_and_the_answer_is_not_believed() {
    let mut world = World::new(asking());
    world.answer_with("2");
    world.script(1, OperationKind::Infer, [QUICK]);
    let id = world.request();
    world.run();
    assert_eq!(world.record_of(id).class, ClassId(0));
    assert_eq!(world.record_of(id).end_to_end(), ALLOCATION + ms(40) + ALLOCATION + INFERENCE);
    let Operation::Infer(question) = &operations_on(&world, 1)[1] else { panic!("a question") };
    assert_eq!(question.prompt.content, Content::Unknown);
    assert!(question.prompt.tokens > Tokens::new(100), "the instructions, and the prompt's 100");
}

#[test]
fn a_model_that_fails_five_times_in_a_row_is_left_alone_for_a_minute() {
    let mut world = World::new(asking());
    world.answer_with("2");
    world.script(1, OperationKind::Infer, [yes_after(secs(2)); 5]);
    for _ in 0..8 {
        ask(&mut world);
        world.run_for(secs(3));
    }
    let all = statistics(&world);
    assert_eq!((all.timeouts, all.skipped), (5, 3));
    assert_eq!(world.status(1).breaker, BreakerState::Closed, "the pool's own is another matter");
    world.run_for(secs(60));
    world.script(1, OperationKind::Infer, [QUICK]);
    ask(&mut world);
    world.run();
    assert_eq!(statistics(&world).answered, 1);
    world.assert_nothing_leaked();
}

#[test]
fn failures_of_the_pool_count_against_the_pool() {
    let mut config = asking();
    config.cables[1].breaker = BreakerConfig { failure_threshold: 1, ..BreakerConfig::default() };
    let mut world = World::new(config);
    world.script(1, OperationKind::Allocate, [no(DOWN)]);
    ask(&mut world);
    world.run_for(secs(5));
    assert_eq!(world.status(1).breaker, BreakerState::Open);
    ask(&mut world);
    assert_eq!(statistics(&world).skipped, 1);
}

#[test]
fn a_drain_does_not_wait_for_an_answer_and_leaves_nothing_held() {
    for pause in [ms(5), ms(100)] {
        let mut world = World::new(asking());
        world.script(1, OperationKind::Infer, [yes_after(secs(1_000))]);
        let id = ask(&mut world);
        world.run_for(pause);
        world.drain();
        assert_eq!(world.record_of(id).outcome, Outcome::Rejected);
        assert_eq!(statistics(&world).withdrawn, 1);
        world.run();
        assert!(world.now < connector::Timestamp::ZERO + secs(1), "{:?}", world.now);
        world.assert_nothing_leaked();
    }
}

#[test]
fn a_caller_who_leaves_while_the_class_is_asked_for_leaves_nothing_behind() {
    for pause in [ms(5), ms(100)] {
        let mut world = World::new(asking());
        world.script(1, OperationKind::Infer, [yes_after(secs(1_000))]);
        let id = ask(&mut world);
        world.run_for(pause);
        world.cancel(id);
        world.run();
        assert_eq!(world.record_of(id).outcome, Outcome::Cancelled);
        assert_eq!(world.status(1).in_flight, 0);
        world.assert_nothing_leaked();
    }
}

#[test]
fn a_classifier_that_nobody_can_answer_is_refused() {
    let places = [(ModelId(9), PoolId(0)), (SMALL, PoolId(9)), (LARGE, PoolId(1))];
    for (model, pool) in places {
        let mut config = asking();
        config.cables[1].card_vram = connector::Mebibytes::from_gib(8);
        config.classifier.model = Some(ModelClassifierConfig::new(model, pool));
        let refused = Platform::new(config).map(|_| ()).expect_err("it cannot be");
        assert_eq!(refused, ConfigError::ClassifierNowhere { model, pool });
    }
}

/// No model that is asked, or the small one, on one of the first three pools.
pub(crate) fn consultations() -> impl Strategy<Value = Option<ModelClassifierConfig>> {
    let asked = (0_u32..3, 1_u64..5_000).prop_map(|(pool, timeout)| ModelClassifierConfig {
        timeout: ms(timeout),
        ..ModelClassifierConfig::new(SMALL, PoolId(pool))
    });
    proptest::option::of(asked)
}

/// Two pools; the small model on the second is asked, and everything else goes to the first.
fn asking() -> PlatformConfig {
    let mut config = pools(2);
    config.classifier.model = Some(ModelClassifierConfig::new(SMALL, ASKED));
    config
}

fn ask(world: &mut World) -> RequestId {
    world.request_with(|request| {
        request.tenant = TenantId(0);
        request.content = Content::Text("why is the sky blue".into());
    })
}

fn nonsense() -> Answer {
    Answer { after: ms(20), says: Says::Nonsense }
}

fn statistics(world: &World) -> ConsultationStatistics {
    world.platform.consultations().expect("a model is asked")
}

fn operations_on(world: &World, cable: u32) -> Vec<Operation> {
    let here = world.submitted.iter().filter(|one| one.cable.0 == cable);
    here.map(|one| one.operation.clone()).collect()
}
