use std::fmt;

use super::signs;

/// Of a longer text, so many bytes are read from its beginning ...
const HEAD: usize = 3072;
/// ... and so many from its end, where the instructions that belong to pasted material stand.
const TAIL: usize = 1024;
/// Signs of one kind beyond this say nothing more.
const SIGNS_MAX: u16 = 6;
/// Letters that make a long word.
const LONG_WORD: u32 = 8;
/// Shares are counted in parts of this.
const PARTS: usize = 16;

/// What is measured of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Binary logarithm of its bytes, in eighths: 0 (empty) to 255.
    Length,
    /// Question marks, 0 to 6.
    Questions,
    /// Signs of code, 0 to 6.
    Code,
    /// Signs of mathematics, 0 to 6.
    Mathematics,
    /// Words that ask for reasoning, 0 to 6.
    Reasoning,
    /// Words that ask for something to be designed or built, 0 to 6.
    Creation,
    /// Words that bind the answer, 0 to 6.
    Constraints,
    /// Lines that begin an item of a list, 0 to 6.
    Items,
    /// Numbers, 0 to 6.
    Numbers,
    /// Words that ask for a fact or a courtesy, 0 to 6.
    Lookup,
    /// Words that ask to explain, summarise or rewrite, 0 to 6.
    Rewriting,
    /// Terms of a trade, 0 to 6.
    Specialist,
    /// Words of eight letters or more, in sixteenths of all words, 0 to 16.
    LongWords,
    /// Letters of other scripts than the Latin one, in sixteenths of the bytes, 0 to 16: such text
    /// says more in fewer words.
    OtherScript,
}

impl Feature {
    /// Number of features.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them; `feature as usize` indexes tables of this length.
    pub const ALL: [Self; 14] = [
        Self::Length,
        Self::Questions,
        Self::Code,
        Self::Mathematics,
        Self::Reasoning,
        Self::Creation,
        Self::Constraints,
        Self::Items,
        Self::Numbers,
        Self::Lookup,
        Self::Rewriting,
        Self::Specialist,
        Self::LongWords,
        Self::OtherScript,
    ];

    /// Its name in reasons and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Questions => "questions",
            Self::Code => "code",
            Self::Mathematics => "mathematics",
            Self::Reasoning => "reasoning",
            Self::Creation => "creation",
            Self::Constraints => "constraints",
            Self::Items => "list of tasks",
            Self::Numbers => "numbers",
            Self::Lookup => "lookup",
            Self::Rewriting => "rewriting",
            Self::Specialist => "specialist terms",
            Self::LongWords => "long words",
            Self::OtherScript => "script",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The features of one text: small integers, alike on every machine.
///
/// At most 4 KiB of a text are read, whatever its length: the first three quarters from its
/// beginning and the rest from its end. Nothing is allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features([u16; Feature::COUNT]);

impl Features {
    /// Measures a text.
    pub fn of(text: &str) -> Self {
        let mut features = Self::default();
        let mut shape = Shape::default();
        let (head, tail) = ends(text);
        for part in [head, tail] {
            signs::find(part, |feature| features.count(feature));
            shape.read(part.as_bytes());
        }
        features.0[Feature::Length as usize] = log2_in_eighths(text.len());
        features.0[Feature::Items as usize] = capped(shape.items);
        features.0[Feature::Numbers as usize] = capped(shape.numbers);
        features.0[Feature::LongWords as usize] = share(shape.long_words, shape.words);
        features.0[Feature::OtherScript as usize] = share(shape.foreign, head.len() + tail.len());
        features
    }

    /// The value of one feature.
    pub const fn get(&self, feature: Feature) -> u16 {
        self.0[feature as usize]
    }

    fn count(&mut self, feature: Feature) {
        let value = &mut self.0[feature as usize];
        *value = (*value + 1).min(SIGNS_MAX);
    }
}

/// What is read of a text: all of it, or its beginning and its end.
fn ends(text: &str) -> (&str, &str) {
    if text.len() <= HEAD + TAIL {
        return (text, "");
    }
    let head = text.floor_char_boundary(HEAD);
    let tail = text.ceil_char_boundary(text.len() - TAIL);
    (&text[..head], &text[tail..])
}

/// 8 x log2(n + 1), linear between powers of two.
fn log2_in_eighths(n: usize) -> u16 {
    let n = (n as u64).saturating_add(1).min(1 << 31);
    let whole = n.ilog2();
    let eighths = ((n << 3) >> whole) - 8;
    (u64::from(whole) * 8 + eighths) as u16
}

fn capped(count: usize) -> u16 {
    count.min(SIGNS_MAX as usize) as u16
}

fn share(part: usize, all: usize) -> u16 {
    (part * PARTS).checked_div(all).unwrap_or_default().min(PARTS) as u16
}

/// What can be counted byte by byte.
#[derive(Default)]
struct Shape {
    words: usize,
    long_words: usize,
    numbers: usize,
    items: usize,
    /// Bytes of letters that are not Latin.
    foreign: usize,
}

/// Where in a line the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but white space so far.
    Start,
    /// A dash or a star so far.
    Mark,
    /// A number so far.
    Number,
    Within,
}

impl Shape {
    fn read(&mut self, bytes: &[u8]) {
        let (mut letters, mut in_number, mut place) = (0, false, Place::Start);
        for &byte in bytes {
            let is_letter = byte.is_ascii_alphabetic() || (0xc3..=0xc9).contains(&byte);
            let goes_on = (0x80..=0xbf).contains(&byte) && letters > 0;
            if is_letter {
                letters += 1;
            } else if !goes_on {
                self.end_word(letters);
                letters = 0;
            }
            let is_digit = byte.is_ascii_digit();
            self.numbers += usize::from(is_digit && !in_number);
            in_number = is_digit;
            self.foreign += foreign_bytes(byte);
            place = self.next_place(place, byte);
        }
        self.end_word(letters);
    }

    fn end_word(&mut self, letters: u32) {
        self.words += usize::from(letters > 0);
        self.long_words += usize::from(letters >= LONG_WORD);
    }

    fn next_place(&mut self, place: Place, byte: u8) -> Place {
        match (place, byte) {
            (_, b'\n') | (Place::Start, b' ' | b'\t' | b'\r') => Place::Start,
            (Place::Start, b'-' | b'*') => Place::Mark,
            (Place::Start | Place::Number, b'0'..=b'9') => Place::Number,
            (Place::Mark, b' ') | (Place::Number, b'.' | b')') => {
                self.items += 1;
                Place::Within
            }
            (Place::Start | Place::Mark | Place::Number | Place::Within, _) => Place::Within,
        }
    }
}

/// The bytes of the letter that begins with this byte, if it is of another script: Greek and what
/// follows, without punctuation, mathematical signs and pictures.
const fn foreign_bytes(byte: u8) -> usize {
    match byte {
        0xcd..=0xdf => 2,
        0xe0 | 0xe1 | 0xe3..=0xef => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_feature_is_found_where_it_is() {
        let text = "Design a lock-free queue.\n- It must be `fn push()`\n- 2 proofs\n3. Why?";
        let features = Features::of(text);
        for (feature, value) in [
            (Feature::Creation, 1),
            (Feature::Specialist, 1),
            (Feature::Constraints, 1),
            (Feature::Code, 1),
            (Feature::Items, 3),
            (Feature::Numbers, 2),
            (Feature::Reasoning, 1),
            (Feature::Questions, 1),
            (Feature::Mathematics, 0),
            (Feature::OtherScript, 0),
        ] {
            assert_eq!(features.get(feature), value, "{feature}");
        }
    }

    #[test]
    fn length_grows_by_eight_with_every_doubling() {
        for power in 3..20_u16 {
            assert_eq!(log2_in_eighths((1 << power) - 1), 8 * power);
        }
        assert_eq!(log2_in_eighths(0), 0);
        assert_eq!(log2_in_eighths(usize::MAX), 248);
    }

    #[test]
    fn letters_of_other_scripts_are_told_from_accents_and_signs() {
        let script = |text: &str| Features::of(text).get(Feature::OtherScript);
        assert_eq!(script("Überprüfe où l’été coûte 5 € 🙂"), 0);
        assert_eq!(script("分析分布式系统"), 16);
        assert!(script("напиши функцию") >= 14);
    }

    #[test]
    fn a_long_text_is_read_at_its_beginning_and_its_end_only() {
        let filler = "ä".repeat(HEAD);
        let middle = format!("{filler} prove the theorem {filler}");
        assert_eq!(Features::of(&middle).get(Feature::Reasoning), 0);
        let end = format!("{filler}{filler} prove the theorem");
        assert_eq!(Features::of(&end).get(Feature::Reasoning), 1);
        let beginning = format!("prove the theorem {filler}{filler}");
        assert_eq!(Features::of(&beginning).get(Feature::Reasoning), 1);
    }

    #[test]
    fn no_count_exceeds_its_bound() {
        let text = "prove ? must design fn 1 2 what is\n- ".repeat(200);
        let features = Features::of(&text);
        for feature in Feature::ALL {
            let most = match feature {
                Feature::Length => 255,
                Feature::LongWords | Feature::OtherScript => PARTS as u16,
                Feature::Questions
                | Feature::Code
                | Feature::Mathematics
                | Feature::Reasoning
                | Feature::Creation
                | Feature::Constraints
                | Feature::Items
                | Feature::Numbers
                | Feature::Lookup
                | Feature::Rewriting
                | Feature::Specialist => SIGNS_MAX,
            };
            assert!(features.get(feature) <= most, "{feature}");
        }
        assert_eq!(features.get(Feature::Constraints), SIGNS_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever the text, reading it ends, and what lies beyond the bound changes only its
        /// length.
        #[test]
        fn any_text_can_be_measured(text in "\\PC{0,6000}", middle in "\\PC{0,50}") {
            let (head, tail) = ends(&text);
            prop_assert!(head.len() + tail.len() <= HEAD + TAIL);
            let features = Features::of(&text);
            prop_assert!(features.get(Feature::LongWords) <= PARTS as u16);
            if text.len() > HEAD + TAIL {
                let longer = format!("{head}{middle}{}", &text[head.len()..]);
                prop_assume!(ends(&longer) == (head, tail));
                let (mut one, mut other) = (features, Features::of(&longer));
                (one.0[0], other.0[0]) = (0, 0);
                prop_assert_eq!(one, other);
            }
        }
    }
}
