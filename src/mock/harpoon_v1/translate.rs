//! Questions of the wire in the contract's words, and answers back.

use adapters::harpoon_v1::{
    AllocateRequest, AllocateResponse, AllocationList, InferenceRequest, PoolList, WireNames,
    allocation_id_from_wire, allocation_id_to_wire, requirements_from_wire, temperature_from_wire,
};
use connector::{
    Allocate, AllocationId, Error, ErrorKind, Infer, ModelId, Operation, PoolId, Priority, Prompt,
    Reply, TenantId, Tokens,
};
use serde::Serialize;

use super::super::filler;

/// A body of the answer, or none for 204.
pub(super) type Body = Option<Vec<u8>>;

pub(super) fn allocation(body: &[u8], names: &WireNames) -> Result<Operation, Error> {
    let request: AllocateRequest = read(body)?;
    let requirements = requirements_from_wire(&request.requirements).ok_or_else(|| {
        invalid(format!("tflops {} is not between 0 and 1,000,000", request.requirements.tflops))
    })?;
    let priority = Priority::new(request.priority)
        .ok_or_else(|| invalid(format!("priority {} is not between 0 and 9", request.priority)))?;
    // The tenant is metadata here: one that the scenario does not know is the first.
    let tenant = request.tenant_id.and_then(|name| names.tenant_id(&name));
    Ok(Operation::Allocate(Allocate {
        pool: pool(&request.pool_id, names)?,
        model: model(&request.requirements.model, names)?,
        requirements,
        overcommit: request.overcommit,
        preemptible: request.preemptible,
        priority,
        tenant: tenant.unwrap_or(TenantId(0)),
    }))
}

pub(super) fn inference(body: &[u8], most_tokens: u32) -> Result<Infer, Error> {
    ask(&read(body)?, most_tokens)
}

/// The question behind an inference.
pub(in crate::mock) fn ask(
    request: &InferenceRequest<'_>,
    most_tokens: u32,
) -> Result<Infer, Error> {
    if request.max_tokens == 0 || request.max_tokens > most_tokens {
        let words = format!("max_tokens {} is not between 1 and {most_tokens}", request.max_tokens);
        return Err(invalid(words));
    }
    let temperature = temperature_from_wire(request.temperature).ok_or_else(|| {
        invalid(format!("temperature {} is not between 0 and 2", request.temperature))
    })?;
    let tokens = request.prompt_tokens.unwrap_or_else(|| filler::count_tokens(&request.prompt));
    Ok(Infer {
        allocation: share(&request.allocation_id)?,
        prompt: Prompt::of_length(Tokens::new(tokens)),
        max_tokens: Tokens::new(request.max_tokens),
        temperature,
        stream: request.stream,
        progress: None,
    })
}

pub(in crate::mock) fn share(name: &str) -> Result<AllocationId, Error> {
    allocation_id_from_wire(name).ok_or_else(|| unknown("allocation", name))
}

pub(in crate::mock) fn pool(name: &str, names: &WireNames) -> Result<PoolId, Error> {
    names.pool_id(name).ok_or_else(|| unknown("pool", name))
}

pub(in crate::mock) fn model(name: &str, names: &WireNames) -> Result<ModelId, Error> {
    names.model_id(name).ok_or_else(|| unknown("model", name))
}

/// An answer as the wire carries it.
///
/// # Errors
/// `Protocol` where the provider speaks of a pool without a name.
pub(super) fn reply(reply: &Reply, names: &WireNames) -> Result<Body, Error> {
    let nameless = || Error::new(ErrorKind::Protocol, "the provider named an unknown pool");
    match reply {
        Reply::Granted { allocation } => {
            write(&AllocateResponse { allocation_id: allocation_id_to_wire(*allocation) })
        }
        Reply::Generated { usage, text } => {
            let text = match text {
                Some(text) => text.to_string(),
                None => filler::text(usage.output.get()),
            };
            write(&adapters::harpoon_v1::InferenceResponse { text, usage: (*usage).into() })
        }
        Reply::Released | Reply::Cancelled => Ok(None),
        Reply::Inspected(info) => write(&names.allocation_to_wire(info).ok_or_else(nameless)?),
        Reply::Listed(infos) => {
            let bodies = infos.iter().map(|info| names.allocation_to_wire(info));
            let allocations = bodies.collect::<Option<_>>().ok_or_else(nameless)?;
            write(&AllocationList { allocations })
        }
        Reply::Pools(infos) => {
            let bodies = infos.iter().map(|info| names.pool_to_wire(info));
            write(&PoolList { pools: bodies.collect::<Option<_>>().ok_or_else(nameless)? })
        }
    }
}

fn write(body: &impl Serialize) -> Result<Body, Error> {
    let written = serde_json::to_vec(body);
    written.map(Some).map_err(|error| Error::new(ErrorKind::Protocol, error.to_string()))
}

pub(in crate::mock) fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the body is no request: {error}")))
}

pub(in crate::mock) fn invalid(words: String) -> Error {
    Error::new(ErrorKind::Invalid, words)
}

fn unknown(what: &str, name: &str) -> Error {
    let name: String = name.chars().take(64).collect();
    Error::new(ErrorKind::NotFound, format!("no {what} is called `{name}`"))
}
