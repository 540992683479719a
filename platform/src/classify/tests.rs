use connector::{AllocationId, Content, ModelId};

use super::*;
use crate::config::ClassConfig;

#[test]
fn the_first_class_that_admits_both_lengths_takes_the_request() {
    for (prompt, output, class) in
        [(100, 100, 0), (101, 100, 1), (100, 101, 1), (1000, 1000, 1), (1001, 1, 2), (1, 9000, 2)]
    {
        for method in METHODS {
            let found = judge(method, prompt, output, None);
            assert_eq!(found.class.0, class, "{prompt} in, {output} out, {method:?}");
            assert_eq!(found.reason, Reason::Lengths);
            assert_eq!(found.score.get(), class * 5_000);
        }
    }
}

#[test]
fn rules_count_four_signs_alike() {
    let of = |text: &str| judge(ClassifyMethod::Rules, 10, 10, Some(text));
    let plain = "what is the capital of France";
    let hard = "Prove step by step that this function is right:\n```\nfn f() {}\n```";
    assert_eq!(of(plain).class.0, 0);
    assert_eq!(of(hard).class.0, 1);
    let hardest = format!("{hard}\n1. the integral\n2. the theorem\n3. the equation");
    assert_eq!(of(&hardest).class.0, 2);
    assert_eq!(of(&hardest).score, BasisPoints::ONE);
    let filler = "ä".repeat(4096);
    assert_eq!(of(&format!("x{filler} prove the theorem ``` - \n- \n- \n")).class.0, 0);
}

#[test]
fn text_raises_the_class_and_never_lowers_it() {
    let hard = "Prove that no deterministic asynchronous consensus protocol can tolerate one \
                crash, and analyse step by step which assumption must be dropped. Justify why.";
    for (text, class) in [("what is the capital of France", 0), (hard, 2)] {
        assert_eq!(judge(ClassifyMethod::Trained, 10, 10, Some(text)).class.0, class, "{text}");
        assert_eq!(judge(ClassifyMethod::Trained, 5000, 10, Some(text)).class.0, 2);
        assert_eq!(judge(ClassifyMethod::Lengths, 10, 10, Some(text)).class.0, 0);
    }
}

#[test]
fn the_reason_names_the_features_that_weighed_most() {
    let weights = Weights {
        of: std::array::from_fn(|index| if index == Feature::Reasoning as usize { 900 } else { 1 }),
        cuts: [500, 1000],
        typical: [0; Feature::COUNT],
    };
    let features = Features::of("prove it and derive it, why not");
    let [first, second, third] = weights.heaviest(&features);
    assert_eq!(first, Some(Weighed { feature: Feature::Reasoning, weight: 2_700 }));
    assert_eq!(second.map(|one| one.feature), Some(Feature::Length));
    assert_eq!(third, None, "{third:?} weighs nothing");
    let reason = Reason::Text([first, second, None]).to_string();
    assert_eq!(reason, "text: reasoning +2.70, length +0.04");
}

#[test]
fn a_score_is_spread_evenly_over_the_classes() {
    for (score, classes, class) in [
        (0, 1, 0),
        (10_000, 1, 0),
        (4_999, 2, 0),
        (5_000, 2, 1),
        (2_499, 3, 0),
        (2_500, 3, 1),
        (7_499, 3, 1),
        (7_500, 3, 2),
        (10_000, 7, 6),
    ] {
        assert_eq!(class_of_score(BasisPoints::new(score), classes), class, "{score} of {classes}");
    }
}

#[test]
fn an_answer_counts_only_if_it_is_the_number_of_a_class() {
    let asking = asking(64);
    let subject = subject(10, 10, Some("hello"));
    for (answer, class) in [("1", 0), (" 2\n", 1), ("3", 2)] {
        let found = asking.answered(&subject, answer).expect(answer);
        assert_eq!((found.class.0, found.reason == Reason::Model), (class, class > 0), "{answer}");
    }
    for nonsense in ["", "0", "4", "02", "+1", "1.", "2 or 3", "class 2", "２", "99999999999", "-1"]
    {
        assert_eq!(asking.answered(&subject, nonsense), Err(Nonsense), "`{nonsense}`");
    }
}

#[test]
fn no_answer_about_filler_is_believed_and_no_answer_lowers_the_class_that_lengths_give() {
    let asking = asking(64);
    assert_eq!(asking.answered(&subject(10, 10, None), "3"), Err(Nonsense));
    let long = asking.answered(&subject(5_000, 10, Some("hello")), "1").expect("an answer");
    assert_eq!((long.class.0, long.reason), (2, Reason::Lengths));
}

#[test]
fn the_question_shows_the_beginning_of_the_prompt_and_states_its_length() {
    let asking = asking(64);
    let text = "ö".repeat(100_000);
    let question = asking.question(&subject(10, 10, Some(&text)), AllocationId(7));
    let question = question.expect("a question");
    let Content::Text(words) = question.prompt.content else {
        panic!("no text");
    };
    assert_eq!(words.matches('ö').count(), 128, "64 tokens of 4 bytes");
    assert!(words.contains("\n1 class-100\n2 class-1000\n3 class-2000\n"), "{words}");
    assert_eq!(question.prompt.tokens.get() as usize, words.len().div_ceil(4));
    let filler = asking.question(&subject(10, 10, None), AllocationId(7)).expect("a question");
    assert_eq!(filler.prompt.content, Content::Unknown);
    assert!(filler.prompt.tokens < question.prompt.tokens);
}

const METHODS: [ClassifyMethod; 3] =
    [ClassifyMethod::Lengths, ClassifyMethod::Rules, ClassifyMethod::Trained];

fn subject(prompt: u32, output: u32, text: Option<&str>) -> Subject<'_> {
    Subject { prompt_tokens: Tokens::new(prompt), output_tokens: Tokens::new(output), text }
}

fn judge(method: ClassifyMethod, prompt: u32, output: u32, text: Option<&str>) -> Classification {
    let config = ClassifierConfig { classes: classes(), method, ..ClassifierConfig::default() };
    local(&config).classify(&subject(prompt, output, text))
}

fn asking(shown: u32) -> Asking {
    Asking::new(&classes(), Tokens::new(shown), Box::new(ByLength::new(&classes())))
}

/// Three classes: up to 100, 1,000 and more tokens.
fn classes() -> Vec<ClassConfig> {
    let class = |longest: u32| ClassConfig {
        name: format!("class-{longest}"),
        max_prompt_tokens: Tokens::new(longest),
        max_output_tokens: Tokens::new(longest),
        models: vec![ModelId(0)],
    };
    vec![class(100), class(1_000), class(2_000)]
}
