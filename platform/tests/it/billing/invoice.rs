use connector::{Amount, Money, PoolId, TenantId};
use platform::billing::{AccountId, Currency, Invoice, Meter, PeriodId, Rate, UsageRecord};

use super::{amount, at, money, rating, requests, slots};

fn draw(currency: Currency, commitment: Option<Money>) -> Invoice {
    let mut rating = rating(vec![
        Rate::flat(Meter::SlotTime, money("2.50")),
        Rate::flat(Meter::Requests, money("0.005")),
    ]);
    rating.add(&slots(1, at(0), at(1_000))).expect("valid");
    rating.add(&requests(2, 1)).expect("valid");
    rating.add(&UsageRecord { pool: PoolId(1), ..requests(3, 3) }).expect("valid");
    let lines = rating.lines().expect("valid");
    Invoice::draw(TenantId(0), PeriodId(0), currency, commitment, &lines).expect("valid")
}

#[test]
fn lines_are_rounded_halves_to_even_and_the_total_is_their_sum() {
    let invoice = draw(Currency::USD, None);
    let lines = invoice.lines.iter();
    let lines: Vec<_> = lines
        .map(|line| (line.pool.0, line.meter, line.exact, line.billed, line.residue))
        .collect();
    assert_eq!(
        lines,
        [
            (0, Meter::Requests, amount("0.005"), money("0"), amount("0.005")),
            (0, Meter::SlotTime, amount("0.69(4)"), money("0.69"), amount("0.00(4)")),
            (1, Meter::Requests, amount("0.015"), money("0.02"), amount("-0.005")),
        ]
    );
    assert_eq!((invoice.total, invoice.shortfall), (money("0.71"), money("0")));
    assert_eq!((invoice.exact, invoice.residue), (amount("0.71(4)"), amount("0.00(4)")));
}

#[test]
fn the_currency_says_what_a_coin_is() {
    assert_eq!(draw("JPY".parse().unwrap(), None).total, money("1"));
    assert_eq!(draw("KWD".parse().unwrap(), None).total, money("0.714"));
}

#[test]
fn a_commitment_is_made_up_to_the_coin() {
    let invoice = draw(Currency::USD, Some(money("1.00")));
    assert_eq!((invoice.total, invoice.shortfall), (money("1.00"), money("0.29")));
    assert_eq!(draw(Currency::USD, Some(money("0.71"))).shortfall, money("0"));
    let tenant = TenantId(0);
    let balance = |account| {
        let legs = invoice.legs().into_iter().filter(|leg| leg.0 == account);
        Amount::checked_sum(legs.map(|leg| leg.1)).unwrap()
    };
    assert_eq!(balance(AccountId::Receivable(tenant)), amount("1"));
    assert_eq!(balance(AccountId::Shortfall(tenant)), amount("-0.29"));
    assert_eq!(balance(AccountId::Unbilled(tenant)), amount("-0.71(4)"));
    assert_eq!(balance(AccountId::Rounding), amount("0.00(4)"));
}

#[test]
fn an_invoice_that_is_still_right_is_not_corrected() {
    let invoice = draw(Currency::USD, None);
    assert_eq!(invoice.corrected(&invoice.clone()), None);
    let committed = draw(Currency::USD, Some(money("1.00")));
    let correction = invoice.corrected(&committed).unwrap();
    assert_eq!((correction.reversed, correction.restated), (vec![], vec![]));
    assert_eq!(correction.total, money("0.29"));
}
