//! Near names, for "did you mean".

/// The candidate most like `word`, if any is like it at all.
pub(crate) fn suggestion<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Below this a suggestion misleads more than it helps (`clap` uses the same figure).
    const LIKE: f64 = 0.7;
    let word = word.to_lowercase();
    let mut best = None;
    let mut best_likeness = LIKE;
    for candidate in candidates {
        // A shared first letter makes any very short name alike.
        if candidate.len() * 2 < word.len() {
            continue;
        }
        let likeness = strsim::jaro_winkler(&word, &candidate.to_lowercase());
        if likeness > best_likeness {
            (best, best_likeness) = (Some(candidate), likeness);
        }
    }
    best
}

/// A help line from a suggestion.
pub(crate) fn did_you_mean(suggestion: Option<&str>) -> Option<String> {
    suggestion.map(|name| format!("did you mean `{name}`?"))
}

/// A help line about an unknown name: the nearest one, else all of them.
pub(crate) fn help<'a>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let all: Vec<&str> = candidates.clone().into_iter().collect();
    did_you_mean(suggestion(word, candidates)).unwrap_or_else(|| {
        if all.is_empty() {
            format!("there are no {what}")
        } else {
            format!("the {what} are {}", list(&all))
        }
    })
}

/// The same for a list that can be gone beyond: where no name is near, `otherwise` is a way out too.
pub(crate) fn help_with<'a>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let all: Vec<&str> = candidates.into_iter().collect();
    did_you_mean(suggestion(word, all.iter().copied()))
        .unwrap_or_else(|| format!("the {what} are {}; {otherwise}", list(&all)))
}

/// `a, b, c`; long lists are cut.
pub(crate) fn list(names: &[&str]) -> String {
    const LONGEST: usize = 20;
    let shown = names.iter().take(LONGEST).map(|name| format!("`{name}`"));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > LONGEST {
        text.push_str(", ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found_and_a_stranger_is_not() {
        let names = ["count", "sharing_ratio", "price_per_slot_hour"];
        assert_eq!(suggestion("sharingratio", names), Some("sharing_ratio"));
        assert_eq!(suggestion("Cout", names), Some("count"));
        assert_eq!(suggestion("zzz", names), None);
        assert_eq!(
            help("zzz", "keys", names),
            "the keys are `count`, `sharing_ratio`, `price_per_slot_hour`"
        );
    }
}
