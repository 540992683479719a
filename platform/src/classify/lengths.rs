use connector::{BasisPoints, ClassId, Tokens};

use super::{Classification, Classify, Reason, Subject};
use crate::config::ClassConfig;

/// Classifies by the lengths of prompt and answer: the first class that admits both, or else the
/// last.
#[derive(Clone, Debug)]
pub struct ByLength {
    bounds: Vec<(Tokens, Tokens)>,
}

impl ByLength {
    /// For these classes.
    pub fn new(classes: &[ClassConfig]) -> Self {
        let bounds = classes.iter().map(|class| (class.max_prompt_tokens, class.max_output_tokens));
        Self { bounds: bounds.collect() }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.bounds.len()
    }

    /// A class's place among all of them, from 0 for the first to 1 for the last.
    pub(super) fn place(&self, class: ClassId) -> BasisPoints {
        let last = self.bounds.len().saturating_sub(1).max(1) as u64;
        BasisPoints::new((u64::from(class.0) * u64::from(BasisPoints::ONE.get()) / last) as u32)
    }
}

impl Classify for ByLength {
    fn classify(&self, subject: &Subject<'_>) -> Classification {
        let admits = |&(prompt, output): &(Tokens, Tokens)| {
            subject.prompt_tokens <= prompt && subject.output_tokens <= output
        };
        let last = self.bounds.len().saturating_sub(1);
        let class = ClassId(self.bounds.iter().position(admits).unwrap_or(last) as u32);
        Classification { class, score: self.place(class), reason: Reason::Lengths }
    }
}
