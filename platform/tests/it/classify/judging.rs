//! How often each classifier is right, and where it errs.

use std::fmt::Write;

use connector::{ModelId, Tokens};
use platform::{
    classify::{Classify, Feature, Features, LEVELS, Subject, WEIGHTS, local},
    config::{ClassConfig, ClassifierConfig, ClassifyMethod},
};

use super::corpus::Corpus;

const NAMES: [&str; LEVELS] = ["simple", "moderate", "complex"];

/// Prompts by their level and the class they were put into.
#[derive(Default)]
struct Confusion([[usize; LEVELS]; LEVELS]);

impl Confusion {
    fn of(corpus: &Corpus, judge: impl Fn(&str) -> usize) -> Self {
        let mut table = Self::default();
        for (level, text) in &corpus.prompts {
            table.0[*level][judge(text)] += 1;
        }
        table
    }

    fn accuracy(&self) -> f64 {
        self.share(|level, class| level == class)
    }

    fn share(&self, counts: impl Fn(usize, usize) -> bool) -> f64 {
        let all: usize = self.0.iter().flatten().sum();
        let cells = (0..LEVELS).flat_map(|level| (0..LEVELS).map(move |class| (level, class)));
        let counted = cells.filter(|&(level, class)| counts(level, class));
        let counted: usize = counted.map(|(level, class)| self.0[level][class]).sum();
        counted as f64 / all as f64
    }

    /// The smallest share of a level that is put where it belongs.
    fn worst(&self) -> f64 {
        let right = |level: usize| {
            self.0[level][level] as f64 / self.0[level].iter().sum::<usize>().max(1) as f64
        };
        (0..LEVELS).map(right).fold(1.0, f64::min)
    }
}

/// Trained, by rules, and always the commonest level.
pub(super) fn accuracies(corpus: &Corpus) -> [f64; 3] {
    tables(corpus).map(|(_, table)| table.accuracy())
}

fn tables(corpus: &Corpus) -> [(&'static str, Confusion); 3] {
    let counts: [usize; LEVELS] = std::array::from_fn(|level| {
        corpus.prompts.iter().filter(|(label, _)| *label == level).count()
    });
    let commonest = (0..LEVELS).max_by_key(|&level| counts[level]).unwrap_or_default();
    let by = |method| {
        let judge = judge(method);
        Confusion::of(corpus, move |text| {
            let known = Tokens::new(0);
            let subject = Subject { prompt_tokens: known, output_tokens: known, text: Some(text) };
            judge.classify(&subject).class.index()
        })
    };
    [
        ("trained", by(ClassifyMethod::Trained)),
        ("rules", by(ClassifyMethod::Rules)),
        ("always the commonest", Confusion::of(corpus, |_| commonest)),
    ]
}

/// Classes whose lengths exclude nothing, so that only the text decides.
fn judge(method: ClassifyMethod) -> Box<dyn Classify> {
    let class = |name: &str| ClassConfig {
        name: name.to_owned(),
        max_prompt_tokens: Tokens::new(u32::MAX),
        max_output_tokens: Tokens::new(u32::MAX),
        models: vec![ModelId(0)],
    };
    let classes = NAMES.map(class).to_vec();
    local(&ClassifierConfig { classes, method, ..ClassifierConfig::default() })
}

/// The documentation's figures.
pub(super) fn report(corpus: &Corpus) -> String {
    let mut text = format!("\n{} prompts.\n\n", corpus.prompts.len());
    text.push_str("| classifier | right | off by two levels | worst level right |\n");
    text.push_str("| --- | --- | --- | --- |\n");
    let tables = tables(corpus);
    for (name, table) in &tables {
        let far = table.share(|level, class| level.abs_diff(class) == 2);
        let (right, worst) = (table.accuracy(), table.worst());
        let percent = |share: f64| share * 100.0;
        let _ = writeln!(
            text,
            "| {name} | {:.1} % | {:.1} % | {:.1} % |",
            percent(right),
            percent(far),
            percent(worst)
        );
    }
    for (name, table) in &tables[..2] {
        let _ = write!(text, "\n| {name}: labelled | simple | moderate | complex |\n");
        text.push_str("| --- | --- | --- | --- |\n");
        for (label, [simple, moderate, complex]) in NAMES.iter().zip(&table.0) {
            let _ = writeln!(text, "| {label} | {simple} | {moderate} | {complex} |");
        }
    }
    text.push_str("\n| feature | weight | typical value |\n| --- | --- | --- |\n");
    for feature in Feature::ALL {
        let of = |values: &[i32]| f64::from(values[feature as usize]) / 1000.0;
        let _ =
            writeln!(text, "| {feature} | {:+.3} | {:.2} |", of(&WEIGHTS.of), of(&WEIGHTS.typical));
    }
    text.push('\n');
    text
}

/// Spearman's rank correlation of scores and labels.
pub(super) fn rank_correlation(corpus: &Corpus) -> f64 {
    let score = |text: &str| f64::from(WEIGHTS.score(&Features::of(text)).get());
    let scores: Vec<f64> = corpus.prompts.iter().map(|(_, text)| score(text)).collect();
    let labels: Vec<f64> = corpus.prompts.iter().map(|(level, _)| *level as f64).collect();
    let (scores, labels) = (ranks(&scores), ranks(&labels));
    let mean = f64::midpoint(scores.len() as f64, 1.0);
    let product = |one: &[f64], other: &[f64]| -> f64 {
        one.iter().zip(other).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    product(&scores, &labels) / libm::sqrt(product(&scores, &scores) * product(&labels, &labels))
}

/// Ranks from 1, the mean of their places for equals.
fn ranks(values: &[f64]) -> Vec<f64> {
    let place = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| other.total_cmp(value).is_eq()).count();
        below as f64 + f64::midpoint(equal as f64, 1.0)
    };
    values.iter().map(place).collect()
}
