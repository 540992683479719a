//! Puts requests into classes, from the simplest to the most complex.
//!
//! Lengths decide first: a request belongs to the first class that admits both its prompt and its
//! expected answer. Where there is text, it may raise the class, never lower it: code, explicit
//! reasoning, mathematics and lists of tasks each count one step of complexity, and the steps
//! found are spread over the classes. Traces carry lengths only, so they are classified by length.

use connector::{ClassId, Tokens};

use crate::{config::ClassifierConfig, interface::Request};

/// Text beyond this is not looked at: a hint of complexity comes early or is not needed.
const BYTES_READ: usize = 4096;
/// Steps of complexity that text can show.
const STEPS: usize = 4;

/// Signs of code.
const CODE: [&str; 5] = ["```", "fn ", "def ", "class ", "select "];
/// Words that ask for reasoning.
const REASONING: [&str; 8] =
    ["step by step", "prove", "derive", "analyse", "analyze", "compare", "evaluate", "why"];
/// Signs of mathematics.
const MATHEMATICS: [&str; 5] = ["equation", "integral", "theorem", "probability", "\\frac"];
/// Lines that begin so many tasks or items make a list of tasks.
const LIST_LINES: usize = 3;

#[derive(Debug)]
pub(crate) struct Classifier {
    bounds: Vec<(Tokens, Tokens)>,
}

impl Classifier {
    pub(crate) fn new(config: &ClassifierConfig) -> Self {
        let bounds =
            config.classes.iter().map(|class| (class.max_prompt_tokens, class.max_output_tokens));
        Self { bounds: bounds.collect() }
    }

    pub(crate) fn classes(&self) -> usize {
        self.bounds.len()
    }

    /// The class of a request that does not name one.
    pub(crate) fn classify(&self, request: &Request) -> ClassId {
        let by_length = self.by_length(request.prompt_tokens, request.output_tokens);
        let by_text = request.content.text().map_or(0, |text| self.by_text(text));
        ClassId(by_length.max(by_text) as u32)
    }

    fn by_length(&self, prompt: Tokens, output: Tokens) -> usize {
        let admits = |&(most_prompt, most_output): &(Tokens, Tokens)| {
            prompt <= most_prompt && output <= most_output
        };
        self.bounds.iter().position(admits).unwrap_or(self.bounds.len() - 1)
    }

    fn by_text(&self, text: &str) -> usize {
        steps_of_complexity(text) * (self.bounds.len() - 1) / STEPS
    }
}

fn steps_of_complexity(text: &str) -> usize {
    let read = text.floor_char_boundary(BYTES_READ);
    let text = text[..read].to_ascii_lowercase();
    let mentions = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    let signs = [mentions(&CODE), mentions(&REASONING), mentions(&MATHEMATICS), is_list(&text)];
    signs.into_iter().filter(|&found| found).count()
}

fn is_list(text: &str) -> bool {
    let is_item = |line: &&str| {
        let line = line.trim_start();
        line.starts_with(['-', '*']) || line.starts_with(|first: char| first.is_ascii_digit())
    };
    text.lines().filter(is_item).count() >= LIST_LINES
}

#[cfg(test)]
mod tests {
    use connector::{Content, ModelId, RequestId, TenantId, Timestamp};

    use super::*;
    use crate::config::ClassConfig;

    #[test]
    fn the_first_class_that_admits_both_lengths_takes_the_request() {
        for (prompt, output, class) in [
            (100, 100, 0),
            (101, 100, 1),
            (100, 101, 1),
            (1000, 1000, 1),
            (1001, 1, 2),
            (1, 9000, 2),
        ] {
            assert_eq!(class_of(prompt, output, None), class, "{prompt} in, {output} out");
        }
    }

    #[test]
    fn text_raises_the_class_and_never_lowers_it() {
        let plain = "what is the capital of France";
        let hard = "Prove step by step that this function is right:\n```\nfn f() {}\n```";
        assert_eq!(class_of(10, 10, Some(plain)), 0);
        assert_eq!(class_of(10, 10, Some(hard)), 1);
        assert_eq!(class_of(5000, 10, Some(plain)), 2);
        let hardest = format!("{hard}\n1. the integral\n2. the theorem\n3. the equation");
        assert_eq!(class_of(10, 10, Some(&hardest)), 2);
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_read() {
        let filler = "ä".repeat(BYTES_READ);
        let text = format!("x{filler} prove the theorem ``` - \n- \n- \n");
        assert_eq!(class_of(10, 10, Some(&text)), 0);
    }

    fn class_of(prompt: u32, output: u32, text: Option<&str>) -> u32 {
        let class = |longest| ClassConfig {
            name: String::new(),
            max_prompt_tokens: Tokens::new(longest),
            max_output_tokens: Tokens::new(longest),
            models: vec![ModelId(0)],
        };
        let config = ClassifierConfig { classes: vec![class(100), class(1000), class(2000)] };
        let request = Request {
            id: RequestId(0),
            tenant: TenantId(0),
            arrived: Timestamp::ZERO,
            prompt_tokens: Tokens::new(prompt),
            output_tokens: Tokens::new(output),
            content: text.map_or(Content::Unknown, |text| Content::Text(text.into())),
            class: None,
            model: None,
            patience: None,
            terms: None,
        };
        Classifier::new(&config).classify(&request).0
    }
}
