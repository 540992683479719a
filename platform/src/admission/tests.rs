use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::config::RequestRate;

const fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

fn account(quota: QuotaConfig) -> Account {
    Account::new(quota)
}

#[test]
fn a_burst_passes_and_then_the_rate_does() {
    let rate = RequestRate { per_second: 10, burst: 3 };
    let mut account = account(QuotaConfig { requests: Some(rate), ..QuotaConfig::default() });
    let mut admit = |ms| account.admit(at(ms), 1, Money::ZERO);
    (0..3).for_each(|_| assert!(admit(0).is_ok()));
    let refused = admit(30).expect_err("the bucket is empty");
    assert_eq!(refused.retry_after, Some(Duration::from_millis(70)));
    assert!(admit(99).is_err());
    assert!(admit(100).is_ok() && admit(199).is_err() && admit(200).is_ok());
}

#[test]
fn the_longest_answer_is_reserved_and_what_was_not_made_is_given_back() {
    let quota = QuotaConfig { tokens_per_minute: Some(1_000), ..QuotaConfig::default() };
    let mut account = account(quota);
    let first = account.admit(at(0), 900, Money::ZERO).expect("there is room");
    let refused = account.admit(at(10), 101, Money::ZERO).expect_err("900 are reserved");
    let told = "over quota: 900 of 1000 tokens in 60 s are used or reserved, 101 more asked; \
                try again in 1m 990ms";
    assert_eq!(refused.to_string(), told);
    account.settle(at(500), first, 100, Money::ZERO);
    assert!(account.admit(at(500), 900, Money::ZERO).is_ok());
    assert!(account.admit(at(60_999), 1, Money::ZERO).is_err());
    assert!(account.admit(at(61_000), 1_000, Money::ZERO).is_ok(), "a minute later");
}

#[test]
fn more_than_the_whole_quota_is_never_let_in_and_is_told_so() {
    let quota = QuotaConfig { tokens_per_minute: Some(1_000), ..QuotaConfig::default() };
    let refused = account(quota).admit(at(0), 1_001, Money::ZERO).expect_err("too much");
    assert_eq!(refused.retry_after, None);
    assert!(refused.to_string().ends_with("it is more than the quota will ever allow"));
}

#[test]
fn a_refusal_by_one_quota_charges_no_other() {
    let mut account = account(QuotaConfig {
        requests: Some(RequestRate { per_second: 1, burst: 1 }),
        tokens_per_minute: Some(10),
        ..QuotaConfig::default()
    });
    assert_eq!(
        account.admit(at(0), 11, Money::ZERO).map_err(|excess| excess.quota),
        Err(Quota::Tokens)
    );
    assert!(account.admit(at(0), 10, Money::ZERO).is_ok(), "the rate was not used up");
}

#[test]
fn a_second_strike_must_be_affordable_too() {
    let spend_per_day = Some(Money::from_nanos(100));
    let mut account = account(QuotaConfig { spend_per_day, ..QuotaConfig::default() });
    let money = Money::from_nanos;
    let mut first = account.admit(at(0), 1, money(40)).expect("there is room");
    let second = account.admit(at(0), 1, money(40)).expect("there is room");
    assert!(account.extend(at(1), &mut first, money(60)).is_ok());
    assert!(account.extend(at(1), &mut first, money(61)).is_err());
    account.settle(at(2), second, 1, money(5));
    assert!(account.extend(at(3), &mut first, money(95)).is_ok());
    account.settle(at(4), first, 1, money(70));
    let refused = account.admit(at(5), 1, money(26)).expect_err("75 are spent");
    assert_eq!(
        refused.to_string(),
        "over quota: 0.000000075 of 0.0000001 in 24 h are spent or reserved, 0.000000026 more \
         asked; try again in 1day 14m 59s 995ms"
    );
}

#[test]
fn what_is_settled_after_its_window_changes_nothing_any_more() {
    let quota = QuotaConfig { tokens_per_minute: Some(100), ..QuotaConfig::default() };
    let mut account = account(quota);
    let long = account.admit(at(0), 100, Money::ZERO).expect("there is room");
    let other = account.admit(at(61_000), 100, Money::ZERO).expect("the first has left");
    account.settle(at(62_000), long, 0, Money::ZERO);
    assert!(account.admit(at(62_000), 1, Money::ZERO).is_err());
    account.settle(at(62_000), other, 0, Money::ZERO);
    assert!(account.admit(at(62_000), 100, Money::ZERO).is_ok());
}

/// What a tenant used, by the instant of admission, checked the slow way.
#[derive(Default)]
struct Log {
    used: VecDeque<(Timestamp, u64, i128)>,
}

impl Log {
    fn within(&self, now: Timestamp, span: Duration) -> (u64, i128) {
        let since = now - span;
        let recent = self.used.iter().filter(|(at, ..)| *at > since || since == Timestamp::ZERO);
        recent.fold((0, 0), |sum, &(_, tokens, spend)| (sum.0 + tokens, sum.1 + spend))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    /// 100,000 arrivals and ends at random.
    #[test]
    fn no_tenant_is_ever_above_a_quota_and_nothing_is_reserved_when_all_is_over(
        seed in any::<u64>(),
        rate in (1_u32..50, 1_u32..20),
        tokens in 1_000_u64..100_000,
        concurrent in 1_u32..40,
        spend in 1_000_i128..1_000_000,
        pause in 1_u64..2_000,
    ) {
        let mut account = account(QuotaConfig {
            requests: Some(RequestRate { per_second: rate.0, burst: rate.1 }),
            tokens_per_minute: Some(tokens),
            concurrent: Some(concurrent),
            spend_per_day: Some(Money::from_nanos(spend)),
        });
        let mut state = seed | 1;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let (mut now, mut log) = (Timestamp::ZERO, Log::default());
        let mut under_way: Vec<(Reservation, usize)> = Vec::new();
        let mut admitted: VecDeque<Timestamp> = VecDeque::new();
        let mut gone = 0;
        for _ in 0..100_000 {
            now = now + Duration::from_millis(draw(pause));
            if draw(2) == 0 {
                let (most, dear) = (draw(tokens / 4) + 1, draw(spend as u64 / 4) + 1);
                let asked = Money::from_nanos(i128::from(dear));
                if let Ok(reservation) = account.admit(now, most, asked) {
                    log.used.push_back((now, most, i128::from(dear)));
                    under_way.push((reservation, gone + log.used.len() - 1));
                    admitted.push_back(now);
                }
            } else if !under_way.is_empty() {
                let (reservation, place) = under_way.swap_remove(draw(under_way.len() as u64) as usize);
                let used = draw(reservation.tokens + 1);
                let spent = i128::from(draw(reservation.spend.as_nanos() as u64 + 1));
                account.settle(now, reservation, used, Money::from_nanos(spent));
                if let Some(entry) = place.checked_sub(gone).and_then(|n| log.used.get_mut(n)) {
                    (entry.1, entry.2) = (used, spent);
                }
            }
            // Two hours of requests are too old for a minute's window; a day's is checked by cells.
            while log.used.len() > 2_000 { log.used.pop_front(); gone += 1; }
            prop_assert!(under_way.len() <= concurrent as usize);
            prop_assert!(log.within(now, MINUTE).0 <= tokens);
            prop_assert!(log.within(now, DAY).1 <= spend);
            while admitted.front().is_some_and(|&first| now.since(first) > Duration::from_secs(1)) {
                admitted.pop_front();
            }
            prop_assert!(admitted.len() as u32 <= rate.0 + rate.1);
        }
        for (reservation, _) in under_way {
            account.settle(now, reservation, 0, Money::ZERO);
        }
        prop_assert_eq!(account.under_way, 0);
        let later = now + DAY + DAY;
        let windows = [account.tokens.as_mut(), account.spend.as_mut()];
        for window in windows.into_iter().flatten() {
            prop_assert!(window.check(later, 0, Quota::Tokens).is_ok());
            prop_assert!(window.is_empty(), "nothing is left of what was settled");
        }
    }
}
