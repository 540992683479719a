//! Where a key is.

use std::{fs::File, io::Read, time::Duration};

use secrecy::{SecretString, zeroize::Zeroize};

use super::super::options::{ApiKey, SetupError};

/// How old the last look at a key file may be before an exchange looks again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest key file in bytes.
const MAX_FILE: u64 = 16 << 10;

/// The key; of a file without the white space around it, since editors end files with a line break.
pub(super) fn read(source: &ApiKey) -> Result<SecretString, SetupError> {
    let path = match source {
        ApiKey::Given(key) => return Ok(key.clone()),
        ApiKey::InFile(path) => path,
    };
    let unreadable = |reason: String| SetupError::KeyFile { path: path.clone(), reason };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let read = file.take(MAX_FILE + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    let result = match text.trim() {
        "" => Err(unreadable("it is empty".into())),
        key if key.len() as u64 > MAX_FILE => Err(unreadable("it is too long for a key".into())),
        key => Ok(SecretString::from(key)),
    };
    text.zeroize();
    result
}
