use crate::covenant::Terms;

/// A group of tenants with the same terms.
#[derive(Clone, Debug, Default)]
pub struct TierConfig {
    /// Display name, unique.
    pub name: String,
    /// What its tenants are promised, unless they or their requests state otherwise.
    pub terms: Terms,
}
