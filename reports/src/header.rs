//! Who made an output and how to make it again: the first line of everything that a run writes.
//!
//! ```text
//! # harpoon 0.1.0 scenario=quickstart hash=00c0ffee00c0ffee seed=42 digest=a5b1c4d90e7f2233
//! ```
//!
//! Version, scenario (by hash) and seed replay the run; the digest says whether the replay was
//! faithful. ` partial` at the end marks a run that was cut off. Files that are written while the
//! run lasts begin with a line of the same length that reads `digest=unfinished...... partial`, and
//! get their digest at the end: a file left behind by a crash says so by itself.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::RunDigest;

/// What every output of this product begins with, in text files.
pub(crate) const TEXT_MARK: &str = "# harpoon ";
/// The same for JSON files.
pub(crate) const JSON_MARK: &str = "{\"harpoon\":";

const UNFINISHED: &str = "unfinished......";
const PARTIAL: &str = " partial";

/// Who made an output and how to make it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the product.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// Hash of the scenario as it was run, overrides included.
    pub scenario_hash: u64,
    /// The seed that all randomness came from.
    pub seed: u64,
    /// Hash of what happened; `None` as long as the run lasts.
    pub digest: Option<RunDigest>,
    /// Whether the run was cut off before its end.
    pub partial: bool,
}

impl Header {
    /// The header of a run that begins now.
    pub fn new(version: &str, scenario: &str, scenario_hash: u64, seed: u64) -> Self {
        Self {
            version: version.to_owned(),
            scenario: scenario.to_owned(),
            scenario_hash,
            seed,
            digest: None,
            partial: false,
        }
    }

    /// Reads the first line of a text file back; `None` if this product has not written it. White space
    /// in the scenario's name is lost.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(TEXT_MARK)?.split_whitespace();
        let version = fields.next()?.to_owned();
        let mut value = |key: &str| fields.next()?.strip_prefix(key)?.strip_prefix('=');
        let scenario = value("scenario")?.to_owned();
        let scenario_hash = u64::from_str_radix(value("hash")?, 16).ok()?;
        let seed = value("seed")?.parse().ok()?;
        let digest = match value("digest")? {
            UNFINISHED => None,
            digest => Some(RunDigest(u64::from_str_radix(digest, 16).ok()?)),
        };
        let partial = fields.next() == Some(PARTIAL.trim_start());
        Some(Self { version, scenario, scenario_hash, seed, digest, partial })
    }

    /// Whether the run was cut off, or has not ended yet.
    fn is_partial(&self) -> bool {
        self.partial || self.digest.is_none()
    }

    /// The first line of a file, padded so that it is as long while the run lasts as at its end.
    /// Ends with a line feed.
    pub(crate) fn reserved_line(&self) -> String {
        let partial = if self.is_partial() { PARTIAL } else { "        " };
        format!("{}{partial}\n", Unmarked(self))
    }
}

/// Without line feed. White space in the scenario's name reads as `_`, so that the line splits into
/// the same fields whatever the name.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Unmarked(self), if self.partial { PARTIAL } else { "" })
    }
}

struct Unmarked<'a>(&'a Header);

impl fmt::Display for Unmarked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { version, scenario, scenario_hash, seed, digest, partial: _ } = self.0;
        let blank = |c: char| c.is_whitespace() || c.is_control();
        let name = scenario.replace(blank, "_");
        write!(f, "{TEXT_MARK}{version} scenario={name} hash={scenario_hash:016x} seed={seed}")?;
        match digest {
            Some(digest) => write!(f, " digest={digest}"),
            None => write!(f, " digest={UNFINISHED}"),
        }
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = self.digest.map_or_else(|| UNFINISHED.to_owned(), |value| value.to_string());
        let mut fields = serializer.serialize_struct("Header", 6)?;
        fields.serialize_field("version", &self.version)?;
        fields.serialize_field("scenario", &self.scenario)?;
        fields.serialize_field("hash", &format!("{:016x}", self.scenario_hash))?;
        fields.serialize_field("seed", &self.seed)?;
        fields.serialize_field("digest", &digest)?;
        fields.serialize_field("partial", &self.is_partial())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_all_that_replays_the_run() {
        let mut header = Header::new("0.1.0", "quickstart", 0xc0_ffee, 42);
        header.digest = Some(RunDigest(0xa5b1));
        assert_eq!(
            header.to_string(),
            "# harpoon 0.1.0 scenario=quickstart hash=0000000000c0ffee seed=42 digest=000000000000a5b1"
        );
        header.partial = true;
        assert!(header.to_string().ends_with("digest=000000000000a5b1 partial"));
    }

    #[test]
    fn the_reserved_line_keeps_its_length_and_marks_an_unfinished_file() {
        let mut header = Header::new("0.1.0", "quickstart", 1, 42);
        let begun = header.reserved_line();
        assert!(begun.ends_with("digest=unfinished...... partial\n"), "{begun}");
        header.digest = Some(RunDigest(7));
        let ended = header.reserved_line();
        assert_eq!(begun.len(), ended.len());
        assert!(ended.ends_with("digest=0000000000000007        \n"), "{ended}");
        header.partial = true;
        assert_eq!(begun.len(), header.reserved_line().len());
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let mut header = Header::new("0.1.0", "quickstart", 0xc0_ffee, u64::MAX);
        let begun = Header::read(&header.reserved_line()).expect("ours");
        assert_eq!(begun, Header { partial: true, ..header.clone() }, "not ended");
        header.digest = Some(RunDigest(0xa5b1));
        for partial in [false, true] {
            header.partial = partial;
            assert_eq!(Header::read(&header.reserved_line()).as_ref(), Some(&header));
            assert_eq!(Header::read(&header.to_string()).as_ref(), Some(&header));
        }
        for foreign in ["", "a,b,c", "# harpoon 0.1.0", "# harpoon 0.1.0 scenario=x hash=g seed=1"]
        {
            assert_eq!(Header::read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_name_cannot_break_the_line() {
        let header = Header::new("0.1.0", "two words\nand a line", 1, 2);
        assert_eq!(header.to_string().lines().count(), 1);
        assert!(header.to_string().contains("scenario=two_words_and_a_line hash="));
    }
}
