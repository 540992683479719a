//! `harpoon explain`, asked well and badly.

use serde_json::Value;

use crate::binary::{Desk, SMALL};

const VERB: [&str; 2] = ["explain", "scenario.yaml"];

fn explain(arguments: &[&str]) -> crate::binary::Ran {
    let desk = Desk::with_scenario(SMALL);
    desk.put("words.txt", "What is the capital of France?");
    desk.put("noise.txt", b"\xff\xfe\xfd");
    desk.put("long.txt", vec![b'a'; (1 << 20) + 1]);
    desk.harpoon(&[&VERB[..], arguments].concat())
}

#[test]
fn a_request_that_nobody_sends_is_explained() {
    let ran = explain(&["--at", "5s", "--prompt-tokens", "1000", "--output-tokens", "100"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let begin = "tokens, at 5.000 s\nclass:    all, score 0%: the lengths of prompt and answer\n";
    assert!(ran.stdout.contains(begin), "{}", ran.stdout);
    assert!(ran.stdout.contains("1000 and 100 tokens"), "{}", ran.stdout);
    assert!(ran.stdout.contains("tiny@cards") && ran.stdout.contains("chosen"), "{}", ran.stdout);
}

#[test]
fn words_may_stand_in_a_file_and_their_length_is_guessed() {
    let ran = explain(&["--text-file", "words.txt", "--model", "tiny", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    // 30 bytes.
    assert_eq!(
        (told["prompt_tokens"].as_u64(), told["output_tokens"].as_u64()),
        (Some(8), Some(256))
    );
    assert_eq!(told["candidates"][0]["rank"], 1);
}

#[test]
fn what_cannot_be_asked_is_refused_with_a_way_out() {
    for (arguments, words) in [
        (
            &["--text", "a", "--tenant", "acme"][..],
            "there is no tenant `acme`\nhelp: one of: default",
        ),
        (&["--text", "a", "--class", "hard"], "there is no class `hard`\nhelp: one of: all"),
        (&["--text", "a", "--model", "huge"], "there is no model `huge`\nhelp: one of: tiny"),
        (&["--model", "tiny"], "nothing is known of the prompt\nhelp: state --prompt-tokens"),
        (&["--prompt-tokens", "0"], "0 is not in 1..=4194304"),
        (&["--output-tokens", "4194305"], "4194305 is not in 1..=4194304"),
        (&["--prompt-tokens", "many"], "invalid value 'many' for '--prompt-tokens <N>'"),
        (&["--text", "a", "--text-file", "words.txt"], "cannot be used with"),
        (&["--text", "a", "--request", "3"], "cannot be used with"),
        (&["--text-file", "none.txt"], "cannot read none.txt: No such file or directory"),
        (&["--text-file", "noise.txt"], "noise.txt is not UTF-8 text"),
        (&["--text-file", "long.txt"], "long.txt is longer than 1 MiB"),
        (&["--request", "1000000"], "no such request arrives"),
        (&["--at", "soon"], "soon"),
    ] {
        let ran = explain(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}
