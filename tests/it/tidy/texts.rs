//! What must not be left behind in any text: markers of unfinished work, and paths that exist on one
//! machine only.

use super::{
    none, one,
    workspace::{TextFile, text_files},
};

/// Split, so that this file does not hold what it forbids.
const MARKERS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimplemented", "!"),
    concat!("todo", "!"),
    concat!("dbg", "!"),
];

const PLACES_OF_ONE_MACHINE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/Us", "ers/"),
];

#[test]
fn no_marker_of_unfinished_work_is_left() {
    none(&text_files().iter().flat_map(markers).collect::<Vec<_>>());
}

#[test]
fn no_text_names_a_place_of_one_machine() {
    none(&text_files().iter().flat_map(machine_paths).collect::<Vec<_>>());
}

#[test]
fn a_marker_is_found_with_its_line() {
    for marker in MARKERS {
        let file = TextFile::new("docs/guide.md", &format!("fine\nthen {marker}: more\n"));
        one(&markers(&file), &["docs/guide.md:2", marker, "issue"]);
    }
}

#[test]
fn a_marker_inside_a_longer_word_is_none() {
    for word in [concat!("AUTO", "DOC"), concat!("XX", "XL"), concat!("my_todo", "!")] {
        none(&markers(&TextFile::new("docs/guide.md", word)));
    }
}

#[test]
fn a_path_of_one_machine_is_found_with_its_line() {
    for place in PLACES_OF_ONE_MACHINE {
        for around in ["file: {}a.csv", "`{}a`", "\"{}a\"", "--out={}a", "{}a"] {
            let text = format!("fine\n{}\n", around.replace("{}", place));
            let offences = machine_paths(&TextFile::new("docs/guide.md", &text));
            one(&offences, &["docs/guide.md:2", place, "relative"]);
        }
    }
}

#[test]
fn a_relative_path_or_an_address_is_no_path_of_one_machine() {
    for start in ["..", "https://example.com", "net", "$ROOT", "~"] {
        for place in PLACES_OF_ONE_MACHINE {
            none(&machine_paths(&TextFile::new("docs/guide.md", &format!("{start}{place}a"))));
        }
    }
}

fn markers(file: &TextFile) -> Vec<String> {
    let begins_word = |before: Option<char>| !before.is_some_and(is_part_of_word);
    let ends_word = |marker: &str, after: Option<char>| {
        marker.ends_with('!') || !after.is_some_and(is_part_of_word)
    };
    occurrences(file, &MARKERS)
        .filter(|found| begins_word(found.before) && ends_word(found.needle, found.after))
        .map(|found| {
            format!(
                "{}:{}: `{}` is left: finish it, or open an issue and take the marker out",
                file.path, found.line, found.needle
            )
        })
        .collect()
}

fn machine_paths(file: &TextFile) -> Vec<String> {
    let continues_path = |before: char| is_part_of_word(before) || ".-~/}*>".contains(before);
    occurrences(file, &PLACES_OF_ONE_MACHINE)
        .filter(|found| !found.before.is_some_and(continues_path))
        .map(|found| {
            format!(
                "{}:{}: `{}...` exists on one machine only: write a relative path or take it as \
                 an argument",
                file.path, found.line, found.needle
            )
        })
        .collect()
}

struct Occurrence<'a> {
    needle: &'a str,
    /// Counted from 1.
    line: usize,
    before: Option<char>,
    after: Option<char>,
}

fn occurrences<'a>(
    file: &'a TextFile,
    needles: &'a [&'a str],
) -> impl Iterator<Item = Occurrence<'a>> {
    let on_line = |line: usize, text: &'a str| {
        needles.iter().flat_map(move |needle| {
            text.match_indices(needle).map(move |(start, found)| Occurrence {
                needle,
                line,
                before: text[..start].chars().next_back(),
                after: text[start + found.len()..].chars().next(),
            })
        })
    };
    file.text.lines().enumerate().flat_map(move |(index, text)| on_line(index + 1, text))
}

fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
