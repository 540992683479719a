//! Identities. All are small integers that index tables held by their owner; names stay at the
//! edges, so that a hot path compares and copies words only.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The identity as a table index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One request of one tenant, numbered from 0 in order of arrival.
    RequestId(u64)
);
id!(
    /// One operation in flight; the caller's choice, echoed in every event about it.
    Ticket(u64)
);
id!(
    /// An allocation as this connector names it. Connectors that speak to a provider whose ids are
    /// text keep a table; the number means nothing to anybody else.
    AllocationId(u64)
);
id!(
    /// A customer of the platform: index into the scenario's list of tenants.
    TenantId(u32)
);
id!(
    /// A model: index into the run's list of models.
    ModelId(u32)
);
id!(
    /// A pool of GPUs: index into the run's list of pools.
    PoolId(u32)
);
id!(
    /// A tier of tenants: index into the platform's list of tiers.
    TierId(u32)
);
id!(
    /// The line to one pool: index into the platform's list of cables.
    CableId(u32)
);
id!(
    /// The class a request was put into: index into the platform's list of classes.
    ClassId(u32)
);
