//! What tenants may use.

use connector::{ErrorKind, OperationKind, Outcome, Rejection, TenantId, TierId, Tokens};
use platform::config::{QuotaConfig, RequestRate, TierConfig};

use crate::{
    setting::{money, ms, pools, secs},
    world::{World, no},
};

fn with_quota(quota: QuotaConfig) -> World {
    let mut config = pools(1);
    config.tenants[0].quota = quota;
    World::new(config)
}

#[test]
fn the_refusal_tells_which_quota_what_is_used_and_when_to_come_back() {
    let quota = QuotaConfig { tokens_per_minute: Some(400), ..QuotaConfig::default() };
    let mut world = with_quota(quota);
    world.run_for(secs(10));
    // 100 tokens in and 50 out each.
    (0..3).for_each(|_| _ = world.request());
    let record = world.record();
    assert_eq!(
        (record.outcome, record.rejection, record.attempts, record.pool),
        (Outcome::Rejected, Some(Rejection::TokenQuota), 0, None)
    );
    assert_eq!(
        world.reason(),
        "over quota: 300 of 400 tokens in 60 s are used or reserved, 150 more asked; \
         try again in 1m 1s"
    );
    assert_eq!(world.responses[0].retry_after, Some(secs(61)));
    world.request_with(|request| request.tenant = TenantId(1));
    world.run();
    assert_eq!(world.records.len(), 4, "the other tenant has no quota");
    assert_eq!(world.records[3].outcome, Outcome::Completed);
}

#[test]
fn who_comes_back_when_told_is_let_in() {
    let quota = QuotaConfig {
        requests: Some(RequestRate { per_second: 2, burst: 1 }),
        ..QuotaConfig::default()
    };
    let mut world = with_quota(quota);
    world.request();
    world.request();
    let after = world.responses[0].retry_after.expect("it is told when");
    assert_eq!(after, ms(500));
    world.run_for(after);
    world.request();
    world.run();
    assert_eq!(world.outcomes(), [Outcome::Rejected, Outcome::Completed, Outcome::Completed]);
}

#[test]
fn a_request_counts_among_those_at_once_until_it_is_answered() {
    let quota = QuotaConfig { concurrent: Some(2), ..QuotaConfig::default() };
    let mut world = with_quota(quota);
    let first = world.request();
    world.request();
    world.request();
    assert_eq!(world.record().rejection, Some(Rejection::ConcurrencyQuota));
    world.cancel(first);
    world.request();
    world.run();
    let completed = world.outcomes().iter().filter(|&&one| one == Outcome::Completed).count();
    assert_eq!(completed, 2);
}

#[test]
fn a_failed_request_uses_its_prompt_and_no_answer() {
    let quota = QuotaConfig { tokens_per_minute: Some(250), ..QuotaConfig::default() };
    let mut world = with_quota(quota);
    world.script(0, OperationKind::Infer, [no(ErrorKind::Invalid)]);
    world.request();
    world.run();
    assert_eq!(world.record().outcome, Outcome::Failed(ErrorKind::Invalid));
    let fits = world.request();
    world.request_with(|request| request.output_tokens = Tokens::new(1));
    assert_eq!(world.records[1].rejection, Some(Rejection::TokenQuota), "100 and 150 are taken");
    world.run();
    assert_eq!(world.record_of(fits).outcome, Outcome::Completed);
}

#[test]
fn a_strike_that_the_days_spend_does_not_cover_is_not_made() {
    // A share costs 1.00 an hour, an inference may take 5 min: at most 0.083333333 a strike. The
    // first one holds its share for 10 ms until it fails.
    let quota = QuotaConfig { spend_per_day: Some(money("0.083333334")), ..QuotaConfig::default() };
    let mut world = with_quota(quota);
    world.script(0, OperationKind::Infer, [no(ErrorKind::Timeout)]);
    world.request();
    world.run();
    let record = world.record();
    assert_eq!((record.outcome, record.attempts), (Outcome::Failed(ErrorKind::Timeout), 1));
    assert!(world.reason().contains("over quota: 0.083333333 of 0.083333334 in 24 h"));
    assert!(record.cost > money("0"));
    world.request();
    assert_eq!(world.records[1].rejection, Some(Rejection::SpendQuota));
}

#[test]
fn a_tenant_has_its_tiers_quota_where_it_states_none() {
    let mut config = pools(1);
    config.tiers = vec![TierConfig {
        name: "bronze".into(),
        quota: QuotaConfig {
            concurrent: Some(1),
            tokens_per_minute: Some(1_000_000),
            ..QuotaConfig::default()
        },
        ..TierConfig::default()
    }];
    for tenant in &mut config.tenants {
        tenant.tier = Some(TierId(0));
    }
    config.tenants[1].quota.concurrent = Some(2);
    let mut world = World::new(config);
    for tenant in [0, 0, 1, 1, 1] {
        world.request_with(|request| request.tenant = TenantId(tenant));
    }
    let refused: Vec<u32> = world.records.iter().map(|one| one.tenant.0).collect();
    assert_eq!(refused, [0, 1]);
}
