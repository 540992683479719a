//! The list of billing faults is whole, and every test that it names is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Cells of all rows of tables with so many columns, headings left out.
fn rows<const COLUMNS: usize>(text: &str) -> Vec<[&str; COLUMNS]> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        <[&str; COLUMNS]>::try_from(cells).ok()
    });
    rows.collect()
}

/// The names in back ticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The tests of a file.
fn tests_of(path: &str) -> BTreeSet<String> {
    let text = read(path);
    let after = text.split("#[test]\n").skip(1);
    let name = |code: &str| {
        let (_, declared) = code.split_once("fn ").expect("a function");
        declared.split('(').next().expect("a name").to_owned()
    };
    after.map(name).collect()
}

#[test]
fn every_fault_has_tests_and_every_test_a_fault() {
    let list = read("docs/billing-faults.md");
    let files: BTreeMap<&str, &str> = rows::<2>(&list)
        .into_iter()
        .filter_map(|[word, file]| Some((word, *quoted(file).first()?)))
        .collect();
    let there: BTreeMap<&str, BTreeSet<String>> =
        files.iter().map(|(&word, &file)| (word, tests_of(file))).collect();
    let (mut faults, mut named) = (Vec::new(), BTreeSet::new());
    for [fault, _, _, tests] in rows::<4>(&list).into_iter().filter(|row| row[0] != "fault") {
        if fault.starts_with("---") {
            continue;
        }
        faults.push(fault.to_owned());
        for tests in tests.split("; ") {
            let (word, names) =
                tests.split_once(": ").unwrap_or_else(|| panic!("{fault}: {tests}"));
            let of_file = there.get(word).unwrap_or_else(|| panic!("{fault}: no file `{word}`"));
            for name in quoted(names) {
                assert!(of_file.contains(name), "{fault}: no test `{name}` in {}", files[word]);
                named.insert((word, name.to_owned()));
            }
        }
    }
    let bugs = (1..=19).map(|number| format!("B{number}"));
    let pathologies = (32..=41).map(|number| number.to_string());
    assert_eq!(faults, bugs.chain(pathologies).collect::<Vec<_>>());
    for (word, tests) in &there {
        for test in tests {
            assert!(named.contains(&(word, test.clone())), "{}: `{test}` is unlisted", files[word]);
        }
    }
}
