//! Whatever terms there are and whatever the provider does: every finished request is in its
//! tenant's book once, and what became of its covenant can be checked against its record.

use std::sync::Arc;

use connector::{
    BasisPoints, BreachReason, Concession, CovenantBook, CovenantOutcome, Duration, ErrorKind,
    Mebibytes, Money, Operation, OperationKind, Outcome, PoolId, PoolKind, RequestId,
    RequestRecord, TenantId, TierId, Tokens,
};
use platform::{
    Fallback, PlatformConfig, Shortening, Step, Targets, Terms,
    config::{Candidate, RouterConfig, TierConfig},
};
use proptest::prelude::*;

use crate::{
    setting::{LARGE, SMALL, money, ms, pools},
    world::{Answer, Says, World},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn covenants_add_up_and_agree_with_the_records(
        tiers in [terms(), terms()],
        own in proptest::collection::vec(proptest::option::weighted(0.3, terms()), 40),
        answers in proptest::collection::vec(proptest::collection::vec(answers(), 0..40), 3),
        places in 1_u32..4,
        steps in proptest::collection::vec((0_u32..3, 1_u32..2_000, 0_u64..1_500, 0_u32..20), 1..40),
    ) {
        let config = config(&tiers, places);
        let mut world = World::new(config.clone());
        for (cable, answers) in answers.into_iter().enumerate() {
            for (kind, answer) in answers {
                world.script(cable as u32, kind, [answer]);
            }
        }
        let mut agreed = Vec::new();
        for (number, &(tenant, tokens, pause, whim)) in steps.iter().enumerate() {
            let own = own[number].clone();
            agreed.push(agreement(&tiers, tenant, own.as_ref()));
            world.request_with(|request| {
                request.tenant = TenantId(tenant);
                request.prompt_tokens = Tokens::new(tokens);
                request.terms = own.map(Arc::new);
            });
            if whim == 0 {
                world.cancel(RequestId(number as u64));
            }
            world.run_for(ms(pause));
        }
        world.run();
        world.drain();
        world.run();
        world.assert_nothing_leaked();
        prop_assert_eq!(world.records.len(), steps.len());
        assert_books_agree(&world);
        for (record, response) in world.records.iter().zip(&world.responses) {
            let terms = &agreed[record.request.0 as usize];
            assert_eq!(response.given_up, record.covenant.concessions());
            assert_consistent(terms, record);
        }
        assert_shares_are_as_agreed(&world, &config, &agreed);
    }
}

fn assert_books_agree(world: &World) {
    for (tenant, book) in world.platform.covenants().iter().enumerate() {
        let mut again = CovenantBook::default();
        let of_tenant = world.records.iter().filter(|record| record.tenant.index() == tenant);
        let finished = of_tenant.inspect(|record| again.record(record.covenant)).count() as u64;
        assert_eq!(*book, again);
        assert_eq!(book.free() + book.kept() + book.renegotiated() + book.broken(), finished);
    }
}

/// Judged once more, from the record and the terms alone.
fn assert_consistent(terms: &Terms, record: &RequestRecord) {
    let given_up = record.covenant.concessions();
    for concession in given_up.iter() {
        assert!(may_give_up(terms, concession), "{concession:?} was not agreed: {terms:?}");
    }
    let answered = match record.outcome {
        Outcome::Completed | Outcome::Cancelled => true,
        Outcome::Failed(_) | Outcome::Rejected => false,
    };
    let first = record.first_token.unwrap_or(record.finished).since(record.arrived);
    let Targets { first_token, per_output_token, end_to_end } = terms.targets;
    if terms.enforce == Some(true) {
        let late =
            |time: Duration, target: Option<Duration>| target.is_some_and(|most| time > most);
        assert!(!late(record.end_to_end(), end_to_end), "{record:?}");
        let answered_late = record.outcome == Outcome::Completed && late(first, first_token);
        assert!(!answered_late, "{record:?}");
    }
    let longer = |time: Option<Duration>, target: Option<Duration>| matches!((time, target), (Some(time), Some(target)) if time > target);
    let missed = [
        (BreachReason::Failed, matches!(record.outcome, Outcome::Failed(_))),
        (BreachReason::Rejected, record.outcome == Outcome::Rejected),
        (BreachReason::FirstToken, longer(Some(first), first_token)),
        (BreachReason::PerOutputToken, longer(record.time_per_output_token(), per_output_token)),
        (BreachReason::EndToEnd, longer(Some(record.end_to_end()), end_to_end)),
        (BreachReason::Cost, terms.cost_ceiling.is_some_and(|most| record.cost > most)),
    ];
    let reason = missed.into_iter().find(|(_, missed)| *missed).map(|(reason, _)| reason);
    match record.covenant {
        CovenantOutcome::Free => assert!(terms.is_free() && given_up.is_empty()),
        CovenantOutcome::Kept => assert!(!terms.is_free() && answered && reason.is_none()),
        CovenantOutcome::Renegotiated(set) => {
            assert!(!set.is_empty() && (terms.is_free() || reason.is_none()));
        }
        CovenantOutcome::Broken(breach) => {
            assert!(!terms.is_free());
            assert_eq!(Some(breach.reason), reason);
            assert_eq!(breach.excess == BasisPoints::ZERO, !answered);
        }
    }
}

fn may_give_up(terms: &Terms, concession: Concession) -> bool {
    let unless_stated = vec![Step::Fallback, Step::ShorterAnswer];
    let steps = if terms.concessions.is_empty() { &unless_stated } else { &terms.concessions };
    let offers = |step| steps.contains(&step);
    let falls =
        |to: fn(&Fallback) -> bool| offers(Step::Fallback) && terms.fallbacks.iter().any(to);
    match concession {
        Concession::OtherModel => falls(|to| matches!(to, Fallback::Model(_))),
        Concession::OtherPool => falls(|to| matches!(to, Fallback::Pool(_))),
        Concession::ShorterAnswer => offers(Step::ShorterAnswer) && terms.shortening.is_some(),
        Concession::Preemptible => offers(Step::Preemptible) && terms.preemptible == Some(false),
        Concession::HigherPrice => offers(Step::HigherPrice),
    }
}

/// No share was asked for that a tenant's terms forbid, and none for a request of which all terms are
/// known without having been given up.
fn assert_shares_are_as_agreed(world: &World, config: &PlatformConfig, agreed: &[Terms]) {
    let pools_of = |tenant: TenantId| {
        world.operations(OperationKind::Allocate).into_iter().filter_map(move |one| {
            match one.operation {
                Operation::Allocate(share) if share.tenant == tenant => Some(share.pool),
                _ => None,
            }
        })
    };
    for tenant in 0..3_u32 {
        let of_tenant = world.records.iter().filter(|record| record.tenant == TenantId(tenant));
        let strict = of_tenant.clone().all(|record| {
            agreed[record.request.0 as usize].preemptible == Some(false)
                && !record.covenant.concessions().contains(Concession::Preemptible)
        });
        let taken_away = |pool: PoolId| config.cables[pool.index()].kind == PoolKind::Preemptible;
        assert!(!strict || !pools_of(TenantId(tenant)).any(taken_away));
    }
}

/// What was promised to a request: the third tenant is of no tier.
fn agreement(tiers: &[Terms; 2], tenant: u32, own: Option<&Terms>) -> Terms {
    let tenants = tiers.get(tenant as usize).cloned().unwrap_or_default();
    own.map_or(tenants.clone(), |own| own.over(&tenants))
}

/// A preemptible, a standard and a dearer local pool; the static lists leave the last one out for the
/// large model.
fn config(tiers: &[Terms; 2], places: u32) -> PlatformConfig {
    let mut config = pools(3);
    config.cables[0].kind = PoolKind::Preemptible;
    config.cables[1].price_per_slot_hour = money("2.50");
    config.cables[2].kind = PoolKind::Local;
    for cable in &mut config.cables {
        (cable.max_in_flight, cable.queue) = (Some(places), 2);
    }
    let on = |model, pools: &[u32]| -> Vec<Candidate> {
        pools.iter().map(|&pool| Candidate { model, pool: PoolId(pool) }).collect()
    };
    config.router = RouterConfig::Static(vec![on(SMALL, &[0, 1, 2]), on(LARGE, &[0, 1])]);
    let named = |(number, terms): (usize, &Terms)| TierConfig {
        name: format!("tier {number}"),
        terms: terms.clone(),
        ..TierConfig::default()
    };
    config.tiers = tiers.iter().enumerate().map(named).collect();
    config.tenants.push(crate::setting::tenant("initech", 3));
    for (tenant, tier) in config.tenants.iter_mut().zip(0..2) {
        tenant.tier = Some(TierId(tier));
    }
    config
}

pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    let target = || proptest::option::of((1_u64..3_000).prop_map(ms));
    let fallback = prop_oneof![
        prop::sample::select(vec![SMALL, LARGE]).prop_map(Fallback::Model),
        (0_u32..4).prop_map(|pool| Fallback::Pool(PoolId(pool))),
    ];
    let steps = [Step::Fallback, Step::ShorterAnswer, Step::Preemptible, Step::HigherPrice];
    let shortening = (1_u32..10_000, 1_u32..60).prop_map(|(to, at_least)| Shortening {
        to: BasisPoints::new(to),
        at_least: Tokens::new(at_least),
    });
    (
        (target(), target(), target()),
        proptest::option::of((50_000_i128..2_000_000).prop_map(Money::from_nanos)),
        proptest::option::of(any::<bool>()),
        proptest::option::weighted(0.2, (1_u64..20).prop_map(Mebibytes::from_gib)),
        proptest::collection::vec(fallback, 0..3),
        proptest::option::of(shortening),
        proptest::sample::subsequence(steps.to_vec(), 0..=4).prop_shuffle(),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(
            |(
                times,
                cost_ceiling,
                preemptible,
                vram_max,
                fallbacks,
                shortening,
                steps,
                enforce,
            )| {
                let (first_token, per_output_token, end_to_end) = times;
                Terms {
                    targets: Targets {
                        first_token,
                        per_output_token: per_output_token.map(|time| time / 50),
                        end_to_end,
                    },
                    enforce,
                    cost_ceiling,
                    preemptible,
                    vram_max,
                    fallbacks,
                    shortening,
                    concessions: steps,
                    ..Terms::default()
                }
            },
        )
}

/// What a pool answers to one operation.
fn answers() -> impl Strategy<Value = (OperationKind, Answer)> {
    let kind = prop_oneof![Just(OperationKind::Allocate), Just(OperationKind::Infer)];
    let errors = ErrorKind::ALL.into_iter().filter(|error| !error.ambiguous()).collect::<Vec<_>>();
    let says = prop_oneof![
        3 => Just(Says::Yes),
        4 => prop::sample::select(errors).prop_map(Says::No),
    ];
    (kind, 1_u64..3_000, says)
        .prop_map(|(kind, after, says)| (kind, Answer { after: ms(after), says }))
}
