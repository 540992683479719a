use platform::config::CooldownConfig;

use super::super::time;
use crate::language::CooldownSpec;

/// How long a pool is left alone that asks for it or is out of credit.
pub(super) fn lower(spec: Option<&CooldownSpec>) -> CooldownConfig {
    let default = CooldownConfig::default();
    let Some(spec) = spec else { return default };
    CooldownConfig {
        credit: time(spec.credit.as_ref(), default.credit),
        longest: time(spec.longest.as_ref(), default.longest),
    }
}
