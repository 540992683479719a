//! The dialect `harpoon-v1`: what travels between the live connector and a provider, or the mock.
//!
//! | call | operation |
//! | --- | --- |
//! | `POST /v1/allocate` | [`Allocate`](connector::Operation::Allocate) |
//! | `DELETE /v1/allocate/{id}` | [`Release`](connector::Operation::Release) |
//! | `GET /v1/allocate/{id}` | [`Inspect`](connector::Operation::Inspect) |
//! | `GET /v1/allocate?pool_id=` | [`List`](connector::Operation::List) |
//! | `GET /v1/pools` | [`Pools`](connector::Operation::Pools) |
//! | `POST /v1/inference` | [`Infer`](connector::Operation::Infer) |
//! | closing the connection of an inference | [`Cancel`](connector::Operation::Cancel) |
//!
//! Reading is lenient where it is safe: unknown fields are ignored and an id may be a number or a
//! string, because providers are seen to send either. Both sides of the wire use these types, so a
//! field cannot be renamed on one side only.

mod allocation;
mod failure;
mod inference;
mod names;
mod quantity;

pub(crate) use allocation::text_or_number;
pub use allocation::{
    AllocateRequest, AllocateResponse, AllocationBody, AllocationList, PoolBody, PoolList,
    RequirementsBody, WindowBody, allocation_id_from_wire, allocation_id_to_wire,
};
pub use failure::{ErrorBody, ErrorDetail, kind_of, read_failure, status_of};
pub(crate) use failure::{described, hidden_failure, readable, with_retry_after};
pub use inference::{
    DONE, InferenceRequest, InferenceResponse, PreemptedNotice, StreamFrame, UsageBody,
};
pub use names::{WireNames, requirements_from_wire};
pub use quantity::{temperature_from_wire, tflops_from_wire, tflops_to_wire};
