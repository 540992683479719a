use num_rational::BigRational;
use platform::billing::AccountId;
use proptest::prelude::*;

use super::*;
use crate::billed::{
    reading::{Row, amount, number, rows, sum},
    world::{World, any_world, example},
};

fn written(world: &World, format: InvoiceFormat) -> String {
    let mut text = Vec::new();
    write_invoices(&world.billed(), format, &mut text).expect("in range");
    String::from_utf8(text).expect("text")
}

fn json(world: &World) -> serde_json::Value {
    serde_json::from_str(&written(world, InvoiceFormat::Json)).expect("JSON")
}

#[test]
fn the_example_of_the_documentation_in_all_formats() {
    insta::assert_snapshot!("example_html", written(&example(), InvoiceFormat::Html));
    insta::assert_snapshot!("example_csv", written(&example(), InvoiceFormat::Csv));
    insta::assert_snapshot!("example_json", written(&example(), InvoiceFormat::Json));
}

const HOSTILE: [&str; 4] = [
    "</td><script>alert('1')</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %} &amp; <!--",
    "=HYPERLINK(\"https://example.org\")",
];

fn hostile() -> World {
    let mut world = example();
    world.names.tenants[0] = HOSTILE[0].to_owned();
    world.names.pools = vec![HOSTILE[1].to_owned(), HOSTILE[3].to_owned()];
    world.names.models[0] = HOSTILE[2].to_owned();
    world.header.scenario = "--><script>".to_owned();
    world
}

/// Strict XML, which is stricter than HTML: what is balanced there is balanced here.
#[test]
fn the_page_is_balanced_and_names_are_text_in_it() {
    let text = written(&hostile(), InvoiceFormat::Html);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page = roxmltree::Document::parse_with_options(&text, options).expect("balanced");
    let elements: std::collections::BTreeSet<_> = page
        .descendants()
        .filter(roxmltree::Node::is_element)
        .map(|node| node.tag_name().name())
        .collect();
    for element in &elements {
        assert!(!["script", "img", "link", "iframe", "a"].contains(element), "{element}");
    }
    let attributes = page.descendants().flat_map(|node| node.attributes());
    for attribute in attributes {
        assert!(
            ["lang", "charset", "name", "content", "class", "scope"].contains(&attribute.name())
        );
    }
    let texts = |tag: &'static str| {
        let of_tag = page.descendants().filter(move |node| node.has_tag_name(tag));
        of_tag.filter_map(|node| node.text()).collect::<Vec<_>>()
    };
    assert!(texts("dd").contains(&HOSTILE[0]));
    assert!(texts("td").contains(&HOSTILE[1]));
    assert!(texts("th").iter().any(|text| text.ends_with(HOSTILE[2])));
    assert!(texts("h1").iter().all(|text| text.ends_with(HOSTILE[0])));
    assert_eq!(texts("h1").len(), 2, "an invoice and its correction");
    for fetched in ["http://", "https://", "url(", "@import"] {
        let own = text.replace("https:&#x2f;&#x2f;example.org", "");
        assert!(!own.contains(fetched), "{fetched}");
    }
}

#[test]
fn names_are_no_formulas_in_spreadsheets() {
    for row in rows(&written(&hostile(), InvoiceFormat::Csv)) {
        for (column, cell) in &row {
            let numeric = ["exact", "billed", "residue"].contains(&column.as_str());
            assert!(numeric || !cell.starts_with(['=', '+', '-', '@']), "{column}: {cell}");
        }
        if row.get("pool").is_some_and(|pool| pool.ends_with("example.org\")")) {
            assert_eq!(row["pool"], format!("'{}", HOSTILE[3]));
        }
    }
}

#[test]
fn every_key_and_column_is_documented() {
    fn keys(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                for (key, inner) in object {
                    into.insert(key.clone());
                    keys(inner, into);
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|inner| keys(inner, into)),
            _ => {}
        }
    }
    let documentation = std::fs::read_to_string("../docs/exports.md").expect("the documentation");
    let mut all = std::collections::BTreeSet::new();
    keys(&json(&example()), &mut all);
    let csv = written(&example(), InvoiceFormat::Csv);
    all.extend(csv.lines().next().expect("a row").split(',').map(str::to_owned));
    for version in [crate::FocusVersion::V1_0, crate::FocusVersion::V1_2] {
        let mut focus = Vec::new();
        crate::write_focus(&example().billed(), version, &mut focus).expect("in range");
        let focus = String::from_utf8(focus).expect("text");
        all.extend(focus.lines().next().expect("a row").split(',').map(str::to_owned));
    }
    for key in all {
        assert!(documentation.contains(&format!("`{key}`")), "{key}");
    }
}

fn of<'a>(rows: &'a [Row], column: &'a str, value: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.iter().filter(move |row| row.get(column).is_some_and(|cell| cell == value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn csv_and_json_add_up_to_the_ledger(world in any_world()) {
        let rows = rows(&written(&world, InvoiceFormat::Csv));
        let json = json(&world);
        let documents = json["documents"].as_array().expect("a list");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        for &(account, balance) in &world.bill.balances {
            let balance = amount(balance.net());
            match account {
                AccountId::Receivable(tenant) => {
                    let name = &world.names.tenants[tenant.index()];
                    prop_assert_eq!(sum(of(&rows, "tenant", name), |row| number(&row["billed"])), balance.clone());
                    let own = documents.iter().filter(|page| page["tenant"] == *name);
                    let totals: BigRational = own.map(|page| number(&text(&page["total"]))).sum();
                    prop_assert_eq!(totals, balance);
                }
                AccountId::Rounding => {
                    prop_assert_eq!(sum(&rows, |row| number(&row["residue"])), balance.clone());
                    let residues: BigRational = documents.iter().map(|page| number(&text(&page["residue"]))).sum();
                    prop_assert_eq!(residues, balance);
                }
                AccountId::Shortfall(tenant) => {
                    let own = of(&rows, "item", "shortfall")
                        .filter(|row| row["tenant"] == world.names.tenants[tenant.index()]);
                    prop_assert_eq!(-sum(own, |row| number(&row["billed"])), balance);
                }
                AccountId::Revenue { tenant, model, pool } => {
                    let names = &world.names;
                    let own = rows.iter().filter(|row| {
                        row["tenant"] == names.tenants[tenant.index()]
                            && row.get("model") == Some(&names.models[model.index()])
                            && row.get("pool") == Some(&names.pools[pool.index()])
                    });
                    prop_assert_eq!(-sum(own, |row| number(&row["exact"])), balance);
                }
                _ => prop_assert_eq!(balance, BigRational::default()),
            }
        }
        for page in documents {
            for line in page["lines"].as_array().expect("a list") {
                let parts = line["parts"].as_array().expect("a list");
                let amounts: BigRational = parts.iter().map(|part| number(&text(&part["amount"]))).sum();
                prop_assert_eq!(amounts, number(&text(&line["exact"])));
            }
        }
    }
}
