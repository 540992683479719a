//! The key of an endpoint. It comes from the environment only: arguments are visible to everybody on
//! the machine, and scenarios are shared.

use std::env::{self, VarError};

use secrecy::SecretString;

use super::Failure;

/// That of endpoints with shares, if there is one.
pub(super) fn of_hosted_ai() -> Result<Option<SecretString>, Failure> {
    from_environment("HOSTED_AI_API_KEY")
}

/// That of endpoints which speak OpenAI's dialect, if there is one.
pub(super) fn of_openai() -> Result<Option<SecretString>, Failure> {
    from_environment("OPENAI_API_KEY")
}

/// `None` without one, and an empty one is none.
fn from_environment(variable: &str) -> Result<Option<SecretString>, Failure> {
    match env::var(variable) {
        Ok(key) if key.is_empty() => Ok(None),
        Ok(key) => Ok(Some(key.into())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Failure::bad_input(format!("the key in {variable} is not text in UTF-8"))
                .with_help(format!("set {variable} again; the key is not shown here")))
        }
    }
}
