//! Inferences that tell how far they are.

use super::*;

#[test]
fn an_inference_tells_how_far_it_is_as_often_as_it_was_asked_to() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    let ticket = infer(&mut world, share, 10, Duration::from_millis(37));
    // Asked at 40 ms; a token every 10 ms from 150 ms on.
    assert_eq!(world.wait(), (150, EventKind::FirstToken { ticket }));
    assert_eq!(world.wait(), (151, progress(ticket, 1)));
    assert_eq!(world.wait(), (188, progress(ticket, 4)));
    assert_eq!(world.wait(), (225, progress(ticket, 8)));
    assert_eq!(world.completion().0, 240);
}

#[test]
fn whoever_wants_to_know_of_each_token_hears_of_it_when_it_is_made() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    let ticket = infer(&mut world, share, 5, Duration::ZERO);
    assert_eq!(world.wait(), (150, EventKind::FirstToken { ticket }));
    for (at, tokens) in [(160, 2), (170, 3), (180, 4)] {
        assert_eq!(world.wait(), (at, progress(ticket, tokens)));
    }
    assert_eq!(world.completion().0, 190, "the answer tells of the last");
}

#[test]
fn each_token_is_told_once_also_of_an_inference_that_is_stopped() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    let inference = infer(&mut world, share, 100, Duration::ZERO);
    assert_eq!(world.wait(), (150, EventKind::FirstToken { ticket: inference }));
    assert_eq!(world.wait(), (160, progress(inference, 2)));
    world.submit(Operation::Cancel { inference });
    assert_eq!(world.completion().1.expect_err("stopped").kind, ErrorKind::Conflict);
}

#[test]
fn an_inference_that_is_stopped_tells_first_what_it_has_made() {
    let mut world = World::new(one_pool());
    let share = world.grant(ask());
    let inference = infer(&mut world, share, 100, Duration::MAX);
    assert_eq!(world.wait(), (150, EventKind::FirstToken { ticket: inference }));
    world.now = Timestamp::ZERO + Duration::from_millis(195);
    while world.simulator.poll(world.now).is_some() {}
    world.submit(Operation::Cancel { inference });
    assert_eq!(world.wait(), (195, progress(inference, 5)));
    assert_eq!(world.completion().1.expect_err("stopped").kind, ErrorKind::Conflict);
}

fn progress(ticket: Ticket, tokens: u32) -> EventKind {
    EventKind::Progress { ticket, tokens: Tokens::new(tokens), text: None }
}

fn infer(world: &mut World, allocation: AllocationId, output: u32, period: Duration) -> Ticket {
    world.submit(Operation::Infer(Infer {
        allocation,
        prompt: Prompt::of_length(Tokens::new(100)),
        max_tokens: Tokens::new(output),
        temperature: Temperature::default(),
        stream: true,
        progress: Some(period),
    }))
}
