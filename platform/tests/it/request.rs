//! The way of a request that nothing goes wrong with, and what is written down about it.

use connector::{
    ClassId, Content, Duration, ErrorKind, ModelId, Operation, OperationKind, Outcome, PoolId,
    Priority, Prompt, RequestRecord, TenantId, Tokens,
};
use platform::Meter;

use crate::{
    setting::{LARGE, SMALL, at, money, ms, one_pool, pools},
    world::{ALLOCATION, FIRST_TOKEN, INFERENCE, World},
};

#[test]
fn a_request_is_a_strike_allocate_infer_release() {
    let mut world = World::new(pools(1));
    world.request();
    world.run();
    let kinds: Vec<_> = world.submitted.iter().map(|one| one.operation.kind()).collect();
    assert_eq!(kinds, [OperationKind::Allocate, OperationKind::Infer, OperationKind::Release]);
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    world.assert_nothing_leaked();
}

#[test]
fn a_record_tells_the_whole_way() {
    let mut world = World::new(pools(1));
    world.run_for(ms(500));
    let id = world.request();
    world.run();
    let arrived = at(ms(500));
    let expected = RequestRecord {
        request: id,
        tenant: TenantId(0),
        class: ClassId(0),
        model: SMALL,
        pool: Some(PoolId(0)),
        arrived,
        queued: Duration::ZERO,
        allocating: Some(ALLOCATION),
        first_token: Some(arrived + ALLOCATION + FIRST_TOKEN),
        finished: arrived + ALLOCATION + INFERENCE,
        prompt_tokens: Tokens::new(100),
        output_tokens: Tokens::new(50),
        attempts: 1,
        fallbacks: 0,
        hedges: 0,
        outcome: Outcome::Completed,
        rejection: None,
        // One second at 1.00 an hour.
        cost: money("0.000277778"),
        covenant: connector::CovenantOutcome::default(),
        fan_out: None,
    };
    assert_eq!(world.record(), expected);
}

#[test]
fn the_covenant_carries_the_models_terms_and_the_tenants_rank() {
    let mut world = World::new(pools(1));
    world.request_with(|request| {
        request.tenant = TenantId(1);
        request.prompt_tokens = Tokens::new(2_000);
        request.content = Content::Text("a long story".into());
    });
    world.run();
    let Operation::Allocate(allocate) = &world.submitted[0].operation else {
        panic!("{:?}", world.submitted[0]);
    };
    assert_eq!((allocate.model, allocate.tenant), (LARGE, TenantId(1)));
    assert_eq!(Some(allocate.priority), Priority::new(5));
    assert!(allocate.overcommit && !allocate.preemptible);
    let Operation::Infer(infer) = &world.submitted[1].operation else {
        panic!("{:?}", world.submitted[1]);
    };
    let prompt =
        Prompt { tokens: Tokens::new(2_000), content: Content::Text("a long story".into()) };
    assert_eq!(infer.prompt, prompt);
    assert!(infer.stream, "the record wants the first token");
    assert_eq!(world.responses[0].text.as_deref(), Some("re: a long story"));
}

#[test]
fn a_longer_answer_than_the_model_gives_is_cut() {
    let mut config = pools(1);
    config.models[0].max_tokens = Some(Tokens::new(20));
    let mut world = World::new(config);
    world.request();
    world.run();
    assert_eq!(world.record().output_tokens, Tokens::new(20));
}

#[test]
fn a_pinned_class_wins_over_the_classifier_and_a_pinned_model_over_the_class() {
    let mut world = World::new(pools(1));
    let pinned = world.request_with(|request| request.class = Some(ClassId(1)));
    let insisting = world.request_with(|request| {
        request.class = Some(ClassId(1));
        request.model = Some(SMALL);
    });
    world.run();
    assert_eq!((world.record_of(pinned).class, world.record_of(pinned).model), (ClassId(1), LARGE));
    let record = world.record_of(insisting);
    assert_eq!((record.class, record.model), (ClassId(1), SMALL));
}

#[test]
fn a_class_or_model_that_does_not_exist_is_an_invalid_request() {
    let mut world = World::new(pools(1));
    world.request_with(|request| request.class = Some(ClassId(9)));
    world.request_with(|request| request.model = Some(ModelId(9)));
    let invalid = Outcome::Failed(ErrorKind::Invalid);
    assert_eq!(world.outcomes(), [invalid, invalid]);
    let reasons: Vec<_> = world.responses.iter().map(|one| one.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [
            Some("invalid: there is no class 9, only 2"),
            Some("invalid: there is no model 9, only 2")
        ]
    );
    assert!(world.submitted.is_empty());
}

#[test]
fn meters_add_up_per_tenant() {
    let mut world = World::new(pools(1));
    world.request();
    world.request_with(|request| request.tenant = TenantId(1));
    world.request_with(|request| request.tenant = TenantId(1));
    world.run();
    let second = 1_000_000_000_u128;
    let one = Meter {
        completed: 1,
        prompt_tokens: 100,
        output_tokens: 50,
        flop: 5_000 * second,
        mebibyte_ns: 2_048 * second,
        slot_ns: second,
        cost: money("0.000277778"),
    };
    let two = Meter {
        completed: 2,
        prompt_tokens: 200,
        output_tokens: 100,
        flop: 10_000 * second,
        mebibyte_ns: 4_096 * second,
        slot_ns: 2 * second,
        cost: money("0.000555556"),
    };
    assert_eq!(world.platform.meters(), [one, two]);
    assert_eq!(world.status(0).statistics.cost, one.cost + two.cost);
}

#[test]
fn an_early_wake_up_does_nothing() {
    let mut world = World::new(one_pool(1, 5));
    world.request();
    world.request();
    let (before, deadline) = (world.submitted.len(), world.platform.deadline());
    for _ in 0..3 {
        world.hand_over(platform::Input::Wake);
    }
    assert_eq!((world.submitted.len(), world.platform.deadline()), (before, deadline));
}

#[test]
fn nothing_is_due_once_everything_is_answered() {
    let mut world = World::new(pools(1));
    (0..100).for_each(|_| _ = world.request());
    world.run();
    assert_eq!(world.platform.deadline(), None);
    assert_eq!(world.now, at(ALLOCATION + INFERENCE + crate::world::RELEASE));
}

#[test]
#[should_panic(expected = "request 0 is of tenant 2, but there are 2")]
fn a_tenant_that_nobody_configured_is_a_mistake_of_the_driver() {
    World::new(pools(1)).request_with(|request| request.tenant = TenantId(2));
}
