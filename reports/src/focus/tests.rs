use num_rational::BigRational;
use platform::billing::AccountId;
use proptest::prelude::*;

use super::*;
use crate::billed::{
    reading::{Row, amount, number, rows, sum},
    world::{World, any_world, example},
};

fn written(world: &World, version: FocusVersion) -> String {
    let mut text = Vec::new();
    write_focus(&world.billed(), version, &mut text).expect("in range");
    String::from_utf8(text).expect("text")
}

fn cost(row: &Row, column: &str) -> BigRational {
    number(&row[column])
}

/// From the specification: every column that is mandatory in 1.0, 1.1 and 1.2, and whether it may be
/// empty.
const MANDATORY: [(&str, bool); 21] = [
    ("BilledCost", false),
    ("BillingAccountId", false),
    ("BillingAccountName", true),
    ("BillingCurrency", false),
    ("BillingPeriodEnd", false),
    ("BillingPeriodStart", false),
    ("ChargeCategory", false),
    ("ChargeClass", true),
    ("ChargeDescription", true),
    ("ChargePeriodEnd", false),
    ("ChargePeriodStart", false),
    ("ContractedCost", false),
    ("EffectiveCost", false),
    ("InvoiceIssuerName", false),
    ("ListCost", false),
    ("PricingQuantity", true),
    ("PricingUnit", true),
    ("ProviderName", false),
    ("PublisherName", false),
    ("ServiceCategory", false),
    ("ServiceName", false),
];

/// What must be there, once it is in a file, wherever something was used or bought and is no
/// correction.
const OF_USE_AND_PURCHASES: [&str; 7] = [
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "SkuId",
    "SkuPriceId",
];

#[test]
fn every_mandatory_column_is_there_and_filled_where_it_must_be() {
    let world = example();
    for version in [FocusVersion::V1_0, FocusVersion::V1_2] {
        let text = written(&world, version);
        let columns: Vec<_> = text.lines().next().expect("a row").split(',').collect();
        assert!(columns.is_sorted(), "{columns:?}");
        for row in rows(&text) {
            for (column, may_be_empty) in MANDATORY {
                assert!(columns.contains(&column), "{column}");
                assert!(may_be_empty || row.contains_key(column), "{column} of {row:?}");
            }
            let priced = row["ChargeCategory"] != "Adjustment";
            for column in OF_USE_AND_PURCHASES {
                assert_eq!(row.contains_key(column), priced, "{column} of {row:?}");
            }
            let used = row["ChargeCategory"] == "Usage";
            assert_eq!(row.contains_key("ConsumedQuantity"), used);
            assert_eq!(row.contains_key("ConsumedUnit"), used);
            assert_eq!(row["ChargeFrequency"] == "Usage-Based", used);
            let with_id = row.contains_key("ResourceId");
            assert_eq!(row.contains_key("ResourceType"), with_id);
            assert_eq!(row.contains_key("RegionId"), row.contains_key("RegionName"));
        }
    }
}

#[test]
fn the_newer_version_has_the_columns_of_the_older_and_six_more() {
    let of = |version| columns::of(version).map(|column| column.name).collect::<Vec<_>>();
    let (older, newer) = (of(FocusVersion::V1_0), of(FocusVersion::V1_2));
    let added: Vec<_> = newer.into_iter().filter(|column| !older.contains(column)).collect();
    // All of 1.0 but `AvailabilityZone`, which only those have who offer zones.
    assert_eq!(older.len(), 42);
    assert_eq!(
        added,
        [
            "CommitmentDiscountQuantity",
            "CommitmentDiscountUnit",
            "InvoiceId",
            "ServiceSubcategory",
            "SkuMeter",
            "SkuPriceDetails",
        ]
    );
}

#[test]
fn the_example_of_the_documentation_as_focus() {
    insta::assert_snapshot!("example_1_0", written(&example(), FocusVersion::V1_0));
    insta::assert_snapshot!("example_1_2", written(&example(), FocusVersion::V1_2));
}

#[test]
fn a_line_is_charged_while_its_price_holds() {
    let text = written(&example(), FocusVersion::V1_0);
    let rows = rows(&text);
    let period = |description: &str, price: &str| {
        let row = rows
            .iter()
            .find(|row| row["ChargeDescription"] == description && row["ListUnitPrice"] == price);
        let row = row.expect("a row");
        (row["ChargePeriodStart"].as_str(), row["ChargePeriodEnd"].as_str())
    };
    let what = "use of slot time by mistral-7b in east";
    let half = "2026-02-01T00:29:30Z";
    assert_eq!(period(what, "2.50"), ("2026-01-31T23:59:30Z", half));
    assert_eq!(period(what, "3.00"), (half, "2026-02-01T00:59:30Z"));
}

#[test]
fn a_cost_out_of_range_is_an_error_and_says_whose() {
    let mut world = example();
    world.bill.invoices[0].lines[0].parts[0].list_price = connector::Money::from_nanos(i128::MAX);
    let error = write_focus(&world.billed(), FocusVersion::V1_0, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "a charge of tenant `acme` in period 0 is out of range");
}

#[test]
fn names_can_neither_break_a_row_nor_become_a_formula() {
    let mut world = example();
    let hostile = "=cmd|' /C calc'!A0,\"\n<b>";
    world.names.tenants[0] = hostile.to_owned();
    world.names.pools[0] = "+1".to_owned();
    world.names.models[0] = "@sum(A1)".to_owned();
    world.regions[0] = "-1".to_owned();
    for row in rows(&written(&world, FocusVersion::V1_2)) {
        assert_eq!(row["BillingAccountName"], format!("'{hostile}"));
        assert_eq!(row["BillingAccountId"], format!("tenant/{hostile}"));
        for (column, cell) in row {
            let numeric = column.ends_with("Cost") || column.ends_with("Quantity");
            assert!(numeric || !cell.starts_with(['=', '+', '-', '@']), "{column}: {cell}");
        }
    }
}

/// Consumed units in a pricing unit.
fn consumed_per_priced(row: &Row) -> BigRational {
    let per_unit = match (row["ConsumedUnit"].as_str(), row["PricingUnit"].as_str()) {
        ("Requests", "Requests") => 1,
        ("Tokens", "1000000 Tokens") => 1_000_000,
        ("Slot-Seconds", "Slot-Hours")
        | ("Seconds", "Hours")
        | ("TFLOPS-Seconds", "TFLOPS-Hours") => 3_600,
        ("MiB-Seconds", "GiB-Hours") => 1_024 * 3_600,
        other => panic!("{other:?}"),
    };
    BigRational::from_integer(per_unit.into())
}

/// What a row is before anything was rounded: nothing of rounding itself, the product of what was
/// consumed and its price, or a sum of whole steps of a price.
fn exact(row: &Row) -> BigRational {
    match row["ChargeCategory"].as_str() {
        "Usage" => {
            cost(row, "ConsumedQuantity") / consumed_per_priced(row)
                * cost(row, "ContractedUnitPrice")
        }
        "Purchase" => cost(row, "BilledCost"),
        _ => BigRational::default(),
    }
}

fn is_shortfall(row: &Row) -> bool {
    row["ChargeCategory"] == "Adjustment" && !row.contains_key("ResourceId")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_price_times_a_quantity_is_a_cost_to_the_last_digit(world in any_world()) {
        for row in rows(&written(&world, FocusVersion::V1_0)) {
            for (price, cost_of) in [("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")] {
                if row.contains_key(price) {
                    prop_assert_eq!(
                        cost(&row, price) * cost(&row, "PricingQuantity"),
                        cost(&row, cost_of)
                    );
                    prop_assert!(cost(&row, price) >= BigRational::default());
                } else {
                    prop_assert_eq!(&row[cost_of], &row["BilledCost"]);
                }
            }
            prop_assert_eq!(&row["EffectiveCost"], &row["BilledCost"]);
            prop_assert_eq!(&row["ContractedCost"], &row["BilledCost"]);
            let taken_back = row["ChargeDescription"].starts_with("Taken back");
            if row["ChargeCategory"] == "Usage" {
                prop_assert!(taken_back || cost(&row, "PricingQuantity") > BigRational::default());
                let rounded = cost(&row, "PricingQuantity") * consumed_per_priced(&row);
                let off = rounded - cost(&row, "ConsumedQuantity");
                prop_assert!(off <= number("0.000000001") && off >= number("-0.000000001"));
            }
        }
    }

    #[test]
    fn the_rows_of_a_document_add_up_to_it(world in any_world()) {
        let rows = rows(&written(&world, FocusVersion::V1_2));
        for document in world.billed().documents() {
            let number_of = document.number();
            let own = rows.iter().filter(|row| row["InvoiceId"] == number_of);
            let (total, corrects) = match document.paper {
                crate::billed::Paper::Invoice(invoice) => (invoice.total, false),
                crate::billed::Paper::Correction { correction, .. } => (correction.total, true),
            };
            for row in own.clone() {
                prop_assert_eq!(row.get("ChargeClass").is_some_and(|class| class == "Correction"), corrects);
            }
            prop_assert_eq!(sum(own, |row| cost(row, "BilledCost")), number(&total.to_string()));
        }
    }

    #[test]
    fn the_file_adds_up_to_the_ledger(world in any_world()) {
        let rows = rows(&written(&world, FocusVersion::V1_0));
        let text = |row: &Row, column: &str, is: String| row.get(column).is_some_and(|cell| *cell == is);
        let names = &world.names;
        for &(account, balance) in &world.bill.balances {
            let told = match account {
                AccountId::Receivable(tenant) => {
                    let id = format!("tenant/{}", names.tenants[tenant.index()]);
                    sum(rows.iter().filter(|row| text(row, "BillingAccountId", id.clone())), |row| {
                        cost(row, "BilledCost")
                    })
                }
                AccountId::Shortfall(tenant) => {
                    let name = names.tenants[tenant.index()].clone();
                    let of = |row: &&Row| is_shortfall(row) && text(row, "BillingAccountName", name.clone());
                    -sum(rows.iter().filter(of), |row| cost(row, "BilledCost"))
                }
                AccountId::Revenue { tenant, model, pool } => {
                    let of = |row: &&Row| {
                        text(row, "BillingAccountName", names.tenants[tenant.index()].clone())
                            && text(row, "ResourceName", names.pools[pool.index()].clone())
                            && row.get("SkuId").is_some_and(|sku| {
                                sku.starts_with(&format!("{}/", names.models[model.index()]))
                            })
                    };
                    -sum(rows.iter().filter(of), exact)
                }
                AccountId::Rounding => {
                    let lines = rows.iter().filter(|row| !is_shortfall(row));
                    sum(lines, |row| exact(row) - cost(row, "BilledCost"))
                }
                AccountId::Unbilled(_) => BigRational::default(),
                other => panic!("no bill touches {other:?}"),
            };
            prop_assert_eq!(told, amount(balance.net()), "{:?}", account);
        }
    }
}
