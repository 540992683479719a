use super::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn every_pricing_unit_divides_the_grain() {
    for unit in PricingUnit::ALL {
        assert_eq!(unit.grains() * unit.size(), GRAINS_PER_STEP.unsigned_abs(), "{unit:?}");
    }
}

#[test]
fn a_second_at_an_hourly_price_is_exact() {
    let second = Amount::product(money("2.50"), 1_000_000_000, PricingUnit::Hour).unwrap();
    assert_eq!(second.to_string(), "0.00069(4)");
    let seconds = std::iter::repeat_n(second, 3_600);
    assert_eq!(Amount::checked_sum(seconds), Amount::from_money(money("2.50")));
}

#[test]
fn amounts_read_and_print_exactly() {
    for text in ["0.00", "2.50", "-0.25", "0.(1)", "0.00069(4)", "369229998828.00"] {
        assert_eq!(amount(text).to_string(), text);
    }
    for grains in [1, -1, 7, GRAINS_PER_UNIT - 1, i128::MAX, -i128::MAX] {
        let exact = Amount::from_grains(grains);
        assert_eq!(amount(&exact.to_string()), exact, "{exact}");
    }
    assert_eq!(amount("0.(9)"), amount("1"));
}

#[test]
fn what_is_no_amount_is_refused() {
    for text in
        ["", "-", ".5", "1.(12)", "1(2)", "1.2)", "1.2(3", "1e3", "+1", "--1", "1.-2", "NaN"]
    {
        let told = text.parse::<Amount>().expect_err(text).to_string();
        assert!(told.ends_with("expected something like `0.00069(4)`"), "{told}");
    }
    let fine = format!("0.{}1", "0".repeat(31));
    for text in ["369229998830.00", fine.as_str(), "0.000000000000000000000000000000(1)"] {
        let told = text.parse::<Amount>().expect_err(text).to_string();
        assert!(told.contains("is out of range"), "{told}");
    }
}

#[test]
fn halves_go_to_the_even_neighbour_and_the_residue_makes_it_whole() {
    for (exact, decimals, rounded) in [
        ("0.005", 2, "0.00"),
        ("0.015", 2, "0.02"),
        ("0.025", 2, "0.02"),
        ("-0.005", 2, "0.00"),
        ("-0.015", 2, "-0.02"),
        ("0.00(4)", 2, "0.00"),
        ("0.00(5)", 2, "0.01"),
        ("2.5", 0, "2.00"),
        ("1.0005", 3, "1.00"),
    ] {
        let (near, residue) = amount(exact).round(decimals);
        assert_eq!(near.to_string(), rounded, "{exact}");
        let whole = Amount::from_money(near).unwrap().checked_add(residue);
        assert_eq!(whole, Some(amount(exact)), "{exact}");
    }
}

#[test]
fn out_of_range_is_told_and_never_wraps() {
    let most = Amount::from_grains(i128::MAX);
    assert_eq!(most.checked_add(Amount::from_grains(1)), None);
    assert_eq!((-most).checked_sub(Amount::from_grains(2)), None);
    assert_eq!(Amount::checked_sum([most, most, -most]), None);
    assert_eq!(Amount::product(money("1"), u128::MAX, PricingUnit::Piece), None);
    assert_eq!(Amount::from_money(money("1000000000000")), None);
}
