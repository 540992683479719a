use connector::{BasisPoints, ClassId};

use super::{ByLength, Classification, Classify, Feature, Reason, Subject, Weighed, raised};

/// Text beyond this is not looked at.
const BYTES_READ: usize = 4096;
/// Steps of complexity that text can show.
const STEPS: usize = 4;
/// Lines that begin so many tasks or items make a list of tasks.
const LIST_LINES: usize = 3;

const CODE: [&str; 5] = ["```", "fn ", "def ", "class ", "select "];
const REASONING: [&str; 8] =
    ["step by step", "prove", "derive", "analyse", "analyze", "compare", "evaluate", "why"];
const MATHEMATICS: [&str; 5] = ["equation", "integral", "theorem", "probability", "\\frac"];

/// Classifies by lengths and by four kinds of signs that count alike: code, words that ask for
/// reasoning, mathematics and lists of tasks. The steps found are spread over the classes, rounded
/// down.
///
/// Easier to foretell than [`Trained`](super::Trained), and the measure that it is held against.
#[derive(Clone, Debug)]
pub struct ByRules {
    lengths: ByLength,
}

impl ByRules {
    /// On top of these lengths.
    pub const fn new(lengths: ByLength) -> Self {
        Self { lengths }
    }

    fn by_text(&self, text: &str) -> Classification {
        let found = signs(text);
        let steps = found.iter().flatten().count();
        let class = steps * (self.lengths.classes().saturating_sub(1)) / STEPS;
        let score = BasisPoints::new((steps * BasisPoints::ONE.get() as usize / STEPS) as u32);
        let mut named = found.into_iter().flatten();
        let reason = Reason::Text(std::array::from_fn(|_| {
            named.next().map(|feature| Weighed { feature, weight: 1000 })
        }));
        Classification { class: ClassId(class as u32), score, reason }
    }
}

impl Classify for ByRules {
    fn classify(&self, subject: &Subject<'_>) -> Classification {
        let by_length = self.lengths.classify(subject);
        match subject.text {
            Some(text) => raised(by_length, self.by_text(text)),
            None => by_length,
        }
    }
}

fn signs(text: &str) -> [Option<Feature>; STEPS] {
    let read = text.floor_char_boundary(BYTES_READ);
    let text = text[..read].to_ascii_lowercase();
    let mentions = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    [
        mentions(&CODE).then_some(Feature::Code),
        mentions(&REASONING).then_some(Feature::Reasoning),
        mentions(&MATHEMATICS).then_some(Feature::Mathematics),
        is_list(&text).then_some(Feature::Items),
    ]
}

fn is_list(text: &str) -> bool {
    let is_item = |line: &&str| {
        let line = line.trim_start();
        line.starts_with(['-', '*']) || line.starts_with(|first: char| first.is_ascii_digit())
    };
    text.lines().filter(is_item).count() >= LIST_LINES
}
