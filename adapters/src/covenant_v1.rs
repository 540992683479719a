//! The dialect `covenant-v1`: shares asked for by what a covenant needs, for a stated time.
//!
//! | call | operation | source |
//! | --- | --- | --- |
//! | `POST /api/v1/allocations` | [`Allocate`](connector::Operation::Allocate) | documented |
//! | `POST /api/v1/inference/{id}` | [`Infer`](connector::Operation::Infer) | documented |
//! | `GET /api/v1/allocations/{id}/metrics` | [`Inspect`](connector::Operation::Inspect) | documented |
//! | `DELETE /api/v1/allocations/{id}` | [`Release`](connector::Operation::Release) | documented |
//! | `GET /api/v1/allocations?pool_id=` | [`List`](connector::Operation::List) | extension |
//! | `GET /api/v1/pools` | [`Pools`](connector::Operation::Pools) | extension |
//! | closing the connection of an inference | [`Cancel`](connector::Operation::Cancel) | extension |
//!
//! # What is documented
//!
//! The founding documents show the bodies of the first two calls, the four figures of the third, and
//! nothing of what an allocation or an inference is answered with, or of errors. Those are ours, named
//! here so that nobody takes them for the vendor's:
//!
//! * an allocation is answered with `allocation_id` (`id` is understood too); an inference as in
//!   [`harpoon_v1`](crate::harpoon_v1), `stream` and `prompt_tokens` of the question included; errors
//!   as there;
//! * `metadata.priority`, the rank when a pool is full, since metadata may hold anything;
//! * `metadata.workload_id` holds the model's name, which is what will run there and what an endpoint
//!   needs to know ahead of the first inference;
//! * `running` in the metrics.
//!
//! # Time
//!
//! `duration_seconds` bounds how long a share is held: after it the endpoint takes the share back
//! unasked, whatever runs on it, and does not know it any more. Also a share whose grant was never
//! heard ends so, which matters because an endpoint without listings cannot be asked about it.

mod allocation;
mod failure;
mod inference;

pub use allocation::{
    AllocationBody, AllocationList, AllocationRequest, AllocationResponse, Metadata, MetricsBody,
    RequirementsBody,
};
pub use failure::read_failure;
pub use inference::InferenceRequest;
