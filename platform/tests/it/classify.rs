//! How the classifier of texts is trained, and how good it is.
//!
//! Prompts are made from templates and words (`classify/train.txt`); it is judged by prompts from
//! other templates and other words (`classify/held_out.txt`). Training is deterministic, so a test
//! trains again and compares with the weights that ship. To write weights and the documentation's
//! tables again: `cargo nextest run -p platform --run-ignored only classify::`.

mod corpus;
mod judging;
mod training;

use std::{fs, path::PathBuf};

use platform::classify::WEIGHTS;

use self::{corpus::Corpus, judging::report, training::source};

const TRAIN: &str = include_str!("classify/train.txt");
const HELD_OUT: &str = include_str!("classify/held_out.txt");
const DOCUMENT: &str = include_str!("../../../docs/platform/classification.md");
const BEGIN: &str = "<!-- judged: begin -->\n";
const END: &str = "<!-- judged: end -->";

#[test]
fn training_again_gives_the_weights_that_ship() {
    let weights = training::train(&Corpus::for_training(TRAIN));
    assert_eq!(weights, WEIGHTS);
    assert_eq!(source(&weights), include_str!("../../src/classify/weights.rs"));
}

#[test]
fn the_documentation_states_the_figures_as_they_are() {
    assert_eq!(stated(DOCUMENT), report(&Corpus::for_judging(HELD_OUT)));
}

#[test]
fn on_prompts_never_seen_it_beats_the_rules_and_the_majority_by_far() {
    let held_out = Corpus::for_judging(HELD_OUT);
    let [trained, rules, majority] = judging::accuracies(&held_out);
    assert!(trained > rules + 0.10 && rules >= majority, "{trained} {rules} {majority}");
}

#[test]
fn no_template_and_no_word_is_in_both_sets() {
    let templates = |text: &'static str| {
        text.lines().filter_map(|line| line.split_once(' ')).filter(|(level, _)| level.len() == 1)
    };
    for (_, template) in templates(HELD_OUT) {
        assert!(templates(TRAIN).all(|(_, other)| other != template), "{template}");
    }
    let words = |text: &'static str| {
        let lines = text.lines().skip_while(|line| *line != "[words]").skip(1);
        lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name)
    };
    for name in words(HELD_OUT) {
        assert!(words(TRAIN).all(|other| other != name), "{name}");
    }
}

#[test]
#[ignore = "writes the weights and the documentation's figures again"]
fn write_the_weights_and_the_figures() {
    let weights = training::train(&Corpus::for_training(TRAIN));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    fs::write(root.join("src/classify/weights.rs"), source(&weights)).unwrap();
    // The figures are those of the weights that were compiled in: run it twice after a change.
    let report = report(&Corpus::for_judging(HELD_OUT));
    let (before, _) = DOCUMENT.split_once(BEGIN).unwrap();
    let (_, after) = DOCUMENT.split_once(END).unwrap();
    let document = format!("{before}{BEGIN}{report}{END}{after}");
    fs::write(root.join("../docs/platform/classification.md"), document).unwrap();
}

/// Judges on a file of lines `level<TAB>prompt`, where `\n` stands for a line's end.
#[test]
#[ignore = "needs a file of labelled prompts that may not be shipped; target/labelled.tsv"]
fn judge_a_file_of_labelled_prompts() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("../target/labelled.tsv")).unwrap();
    let labelled = Corpus::labelled(&text);
    println!("{}\nrank correlation {:.3}", report(&labelled), judging::rank_correlation(&labelled));
}

fn stated(document: &str) -> &str {
    let (_, rest) = document.split_once(BEGIN).expect("the figures begin somewhere");
    rest.split_once(END).expect("the figures end somewhere").0
}
