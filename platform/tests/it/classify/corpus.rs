//! Labelled prompts from templates and words.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Prompts from each template.
const TRAINING_SAMPLES: usize = 16;
const JUDGING_SAMPLES: usize = 6;
/// One in so many prompts for training has a label drawn at random, as people's labels have.
const MISLABELLED: u32 = 30;
const BEFORE: [&str; 6] = ["", "", "", "Hi, ", "Quick question: ", "Please help me. "];
const AFTER: [&str; 6] = ["", "", "", " Thanks!", "\n", " Best, M."];

/// Labelled prompts.
pub(super) struct Corpus {
    pub(super) prompts: Vec<(usize, String)>,
}

impl Corpus {
    pub(super) fn for_training(text: &str) -> Self {
        let mut corpus = Self::generate(text, TRAINING_SAMPLES, 1);
        let mut randomness = Xoshiro256PlusPlus::seed_from_u64(3);
        for (level, _) in &mut corpus.prompts {
            if randomness.random_range(0..MISLABELLED) == 0 {
                *level = randomness.random_range(0..3);
            }
        }
        corpus
    }

    pub(super) fn for_judging(text: &str) -> Self {
        Self::generate(text, JUDGING_SAMPLES, 2)
    }

    pub(super) fn labelled(text: &str) -> Self {
        let prompt = |line: &str| {
            let (level, prompt) = line.split_once('\t')?;
            Some((level.parse().ok()?, prompt.replace("\\n", "\n")))
        };
        Self { prompts: text.lines().filter_map(prompt).collect() }
    }

    fn generate(text: &str, samples: usize, seed: u64) -> Self {
        let (templates, words) = text.split_once("[words]\n").expect("words after templates");
        let words: BTreeMap<&str, Vec<&str>> = words
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, words)| (name, words.split('|').collect()))
            .collect();
        let mut randomness = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut prompts = Vec::new();
        for line in templates.lines() {
            let Some((level, template)) = line.split_once(' ') else { continue };
            let Ok(level) = level.parse() else { continue };
            for _ in 0..samples {
                prompts.push((level, prompt(template, &words, &mut randomness)));
            }
        }
        Self { prompts }
    }
}

/// One prompt, with what people write around what they want.
fn prompt(
    template: &str,
    words: &BTreeMap<&str, Vec<&str>>,
    randomness: &mut Xoshiro256PlusPlus,
) -> String {
    let mut text = BEFORE[randomness.random_range(0..BEFORE.len())].to_owned();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        // A brace of code is none of a template's.
        let (name, after) = after.split_once('}').expect("a word's name ends");
        let choice = &words.get(name).unwrap_or_else(|| panic!("no words for `{name}`"));
        text.push_str(before);
        text.push_str(choice[randomness.random_range(0..choice.len())]);
        rest = after;
    }
    text.push_str(rest);
    text.push_str(AFTER[randomness.random_range(0..AFTER.len())]);
    let text = text.replace("\\n", "\n");
    match randomness.random_range(0..10) {
        0 => text.to_ascii_lowercase(),
        1 => text.replacen("the ", "teh ", 1),
        _ => text,
    }
}
