//! Answers that fail after their first token, and streams that stand.

use connector::{Content, ErrorKind, EventKind, Operation, OperationKind, Outcome, Tokens};
use platform::{PlatformConfig, config::MidStream};

use crate::{
    setting::{ms, pools, secs},
    world::{Answer, FIRST_TOKEN, LOST, Says, World, yes_after},
};

/// Fails 500 ms after it was asked, that is 300 ms after its first token.
const BREAKS_OFF: Answer = Answer { after: ms(500), says: Says::No(LOST) };

#[test]
fn a_failed_stream_starts_anew_by_default() {
    let (world, _) = broken_off(MidStream::Restart);
    let infer = last_inference(&world);
    assert_eq!(
        (infer.prompt.tokens.get(), infer.max_tokens.get(), infer.progress),
        (100, 50, None)
    );
    let record = world.record();
    assert_eq!((record.outcome, record.output_tokens.get()), (Outcome::Completed, 50));
}

#[test]
fn a_resumed_stream_makes_only_what_is_missing() {
    let (world, first_token) = broken_off(MidStream::Resume);
    let infer = last_inference(&world);
    assert_eq!((infer.prompt.tokens.get(), infer.max_tokens.get()), (120, 30));
    assert_eq!(infer.prompt.content, Content::Text("tell me once upon".into()));
    let record = world.record();
    assert_eq!((record.outcome, record.attempts), (Outcome::Completed, 2));
    assert_eq!((record.prompt_tokens.get(), record.output_tokens.get()), (100, 50));
    assert_eq!(record.first_token, Some(first_token), "the caller has it since then");
    let answer = world.responses[0].text.as_deref();
    assert_eq!(answer, Some(" once uponre: tell me once upon"));
    assert_eq!(world.platform.meters()[0].output_tokens, 50);
}

#[test]
fn a_stream_that_may_not_be_repeated_fails_at_once() {
    let (world, _) = broken_off(MidStream::Fail);
    assert_eq!(world.outcomes(), [Outcome::Failed(LOST)]);
    assert_eq!(world.record().attempts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn before_the_first_token_no_rule_of_streams_applies() {
    let mut config = pools(1);
    config.retry.mid_stream = MidStream::Fail;
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [Answer { after: ms(100), says: Says::No(LOST) }]);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
}

#[test]
fn a_stream_that_stands_for_too_long_is_stopped() {
    let mut config = pools(2);
    config.timeouts.between_tokens = Some(ms(400));
    let mut world = World::new(config);
    world.script(0, OperationKind::Infer, [yes_after(secs(60))]);
    world.request();
    world.run_for(ms(10) + FIRST_TOKEN);
    for tokens in 1..=5 {
        world.run_for(ms(200));
        tell(&mut world, tokens, None);
    }
    assert_eq!(last_inference(&world).progress, Some(ms(200)));
    world.run();
    // The last token came after 1,210 ms.
    assert_eq!(world.asked(0, OperationKind::Cancel), [1_610]);
    assert_eq!(world.outcomes(), [Outcome::Completed], "on the other pool");
    assert_eq!(world.status(0).statistics.token_timeouts, 1);
    world.assert_nothing_leaked();
}

#[test]
fn a_far_side_that_tells_no_tokens_is_not_held_to_them() {
    let mut config = pools(1);
    config.timeouts.between_tokens = Some(ms(100));
    let mut world = World::new(config);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Completed]);
}

#[test]
fn progress_of_an_inference_that_is_over_is_no_news() {
    let mut world = World::new(with_rule(MidStream::Resume));
    world.request();
    world.run();
    tell(&mut world, 7, None);
    assert_eq!(world.outcomes(), [Outcome::Completed]);
    assert_eq!(world.platform.deadline(), None);
}

#[test]
fn every_part_counts_when_a_stream_breaks_off_twice() {
    let mut world = World::new(with_rule(MidStream::Resume));
    world.script(0, OperationKind::Infer, [BREAKS_OFF, BREAKS_OFF]);
    world.request();
    world.run_for(ms(410));
    tell(&mut world, 20, None);
    // Released and allocated again, after a pause of 100 ms.
    world.run_for(ms(610));
    tell(&mut world, 10, None);
    world.run();
    let infer = last_inference(&world);
    assert_eq!((infer.prompt.tokens.get(), infer.max_tokens.get()), (130, 20));
    assert_eq!(world.record().output_tokens.get(), 50);
}

/// One request whose first strike breaks off with 20 of 50 tokens made; and when its first token
/// came.
fn broken_off(rule: MidStream) -> (World, connector::Timestamp) {
    let mut world = World::new(with_rule(rule));
    world.script(0, OperationKind::Infer, [BREAKS_OFF]);
    world.request_with(|request| request.content = Content::Text("tell me".into()));
    world.run_for(ms(10) + FIRST_TOKEN);
    let first_token = world.now;
    world.run_for(ms(200));
    tell(&mut world, 20, Some(" once upon"));
    world.run();
    (world, first_token)
}

fn with_rule(rule: MidStream) -> PlatformConfig {
    let mut config = pools(1);
    config.retry.mid_stream = rule;
    config
}

fn tell(world: &mut World, tokens: u32, text: Option<&str>) {
    let ticket = world.operations(OperationKind::Infer).last().expect("asked").ticket;
    let (tokens, text) = (Tokens::new(tokens), text.map(Into::into));
    world.deliver(0, EventKind::Progress { ticket, tokens, text });
}

fn last_inference(world: &World) -> connector::Infer {
    let asked = world.operations(OperationKind::Infer).pop().expect("asked");
    let Operation::Infer(infer) = asked.operation else { panic!("an inference") };
    infer
}

#[test]
fn the_error_of_a_stream_that_stood_is_a_time_out() {
    let mut config = pools(1);
    config.timeouts.between_tokens = Some(ms(100));
    config.retry.mid_stream = MidStream::Fail;
    let mut world = World::new(config);
    world.request();
    world.run_for(ms(300));
    tell(&mut world, 3, None);
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Failed(ErrorKind::Timeout)]);
}
