//! The key of an endpoint. It comes from the environment only: arguments are visible to everybody on
//! the machine, and scenarios are shared.

use std::env::{self, VarError};

use secrecy::SecretString;

use super::Failure;

const VARIABLE: &str = "HOSTED_AI_API_KEY";

/// The key in the environment; `None` without one, and an empty one is none.
pub(super) fn from_environment() -> Result<Option<SecretString>, Failure> {
    match env::var(VARIABLE) {
        Ok(key) if key.is_empty() => Ok(None),
        Ok(key) => Ok(Some(key.into())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Failure::bad_input(format!("the key in {VARIABLE} is not text in UTF-8"))
                .with_help(format!("set {VARIABLE} again; the key is not shown here")))
        }
    }
}
