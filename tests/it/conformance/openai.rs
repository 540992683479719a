//! The live connector against the mock in the dialect `openai`: an endpoint that knows no shares, so
//! the connector keeps its own. What is said of inferences holds all the same.

use connector::{
    Allocate, Connector, ErrorKind, EventKind, Infer, Operation, PoolId, Priority, Prompt, Reply,
    Temperature, Ticket, Tokens,
    testing::{Credentials, Harness, PATIENCE, PoolSetup, Setup, World},
};

use super::{Dialect, HttpWorld, OverHttp};

connector::conformance_tests!(
    WithoutShares(OverHttp(Dialect::OpenAi)),
    except: [
        a_full_pool_refuses_at_once,
        a_late_grant_arrives_and_can_be_released,
        an_unknown_pool_is_not_found,
        a_preempted_inference_ends_as_such,
        an_inference_that_ends_within_the_grace_survives,
        the_pools_on_offer_show_what_is_free,
        wrong_credentials_are_refused,
        an_inference_that_fails_tells_first_what_it_has_made,
        every_ticket_is_answered_once,
        an_early_poll_is_a_no_op,
    ]
);

const AT_ONCE: &str =
    "shares are the connector's own: they are granted at once, whatever the pool has";
const NOT_TAKEN: &str = "shares are the connector's own: nobody takes them away";
const NOT_ASKED: &str = "the far side is not asked about shares";

pub(super) struct WithoutShares(pub(super) OverHttp);

impl Harness for WithoutShares {
    type World = HttpWorld;

    fn build(&mut self, setup: &Setup) -> Option<HttpWorld> {
        self.0.build(setup)
    }

    fn senseless(&self) -> &[(&'static str, &'static str)] {
        &[
            ("a_full_pool_refuses_at_once", AT_ONCE),
            ("a_late_grant_arrives_and_can_be_released", AT_ONCE),
            ("an_unknown_pool_is_not_found", NOT_ASKED),
            ("a_preempted_inference_ends_as_such", NOT_TAKEN),
            ("an_inference_that_ends_within_the_grace_survives", NOT_TAKEN),
            ("the_pools_on_offer_show_what_is_free", NOT_ASKED),
            ("wrong_credentials_are_refused", NOT_ASKED),
            ("an_inference_that_fails_tells_first_what_it_has_made", NOT_TAKEN),
            ("every_ticket_is_answered_once", AT_ONCE),
            ("an_early_poll_is_a_no_op", AT_ONCE),
        ]
    }
}

/// What of `wrong_credentials_are_refused` makes sense: an inference is refused.
#[test]
fn an_inference_with_the_wrong_key_is_refused() {
    const POOLS: &[PoolSetup] = &[PoolSetup { slots: 1, preemption_grace: None }];
    let setup = Setup { credentials: Credentials::Wrong, ..Setup::of(POOLS) };
    let mut world = OverHttp(Dialect::OpenAi).build(&setup).expect("it can be set up");
    let allocate = Allocate {
        pool: PoolId(0),
        model: Setup::MODEL,
        requirements: Setup::REQUIREMENTS,
        overcommit: true,
        preemptible: false,
        priority: Priority::default(),
        tenant: Setup::TENANT,
    };
    let granted = answer(&mut world, Ticket(1), Operation::Allocate(allocate));
    let Ok(Reply::Granted { allocation }) = granted else { panic!("{granted:?}") };
    let infer = Infer {
        allocation,
        prompt: Prompt::of_length(Tokens::new(1)),
        max_tokens: Tokens::new(1),
        temperature: Temperature::default(),
        stream: true,
        progress: None,
    };
    for (ticket, operation) in [(2, Operation::Infer(infer)), (3, Operation::Pools)] {
        let refused = answer(&mut world, Ticket(ticket), operation).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unauthorized);
    }
}

fn answer(
    world: &mut HttpWorld,
    asked: Ticket,
    operation: Operation,
) -> Result<Reply, connector::Error> {
    let now = world.now();
    world.connector().submit(now, asked, operation);
    while world.now().since(now) < PATIENCE {
        let at = world.now();
        match world.connector().poll(at).map(|event| event.kind) {
            Some(EventKind::Completed { ticket, result }) if ticket == asked => return result,
            Some(_) => {}
            None => world.wait_until(now + PATIENCE),
        }
    }
    panic!("{asked:?} is not answered")
}
