//! [`harpoon-v1`](crate::harpoon_v1) as it is asked: each operation is one exchange.

mod generation;

use std::{borrow::Cow, sync::Arc};

use connector::{Allocate, AllocationId, Error, Infer, Operation, PoolId};
use hyper::Method;

use super::{
    call::{Answer, Dialogue, Row},
    line::Failures,
    speaker::{Known, Speaker},
};
use crate::harpoon_v1::{
    AllocateRequest, AllocateResponse, AllocationBody, AllocationList, InferenceRequest,
    InferenceResponse, PoolList, WireNames, hidden_failure, read_failure,
};
pub(super) use generation::Generation;

#[derive(Debug)]
pub(super) struct HarpoonV1;

impl Speaker for HarpoonV1 {
    fn failures(&self) -> Failures {
        Failures { read: read_failure, hidden: hidden_failure }
    }

    fn dialogue(&self, operation: &Operation, known: &Known<'_>) -> Result<Dialogue, Error> {
        match operation {
            Operation::Allocate(allocate) => allocation(allocate, known),
            Operation::Infer(infer) => inference(infer, known),
            Operation::Release { allocation } => release(*allocation, known),
            Operation::Inspect { allocation } => inspection(*allocation, known),
            Operation::List { pool } => listing(*pool, known),
            Operation::Pools => Ok(pools(known)),
            Operation::Cancel { .. } => unreachable!("a cancellation is not sent"),
        }
    }
}

fn allocation(allocate: &Allocate, known: &Known<'_>) -> Result<Dialogue, Error> {
    known.model(allocate.model)?;
    let requirements = known.names.requirements_to_wire(allocate.requirements, allocate.model);
    let body = AllocateRequest {
        pool_id: known.pool(allocate.pool)?.into(),
        requirements: requirements.expect("the model was found to have a name"),
        overcommit: allocate.overcommit,
        preemptible: allocate.preemptible,
        priority: allocate.priority.rank(),
        tenant_id: known.tenant(allocate.tenant),
    };
    let request = known.post(&["v1", "allocate"], &body)?;
    Ok(Dialogue::new("POST /v1/allocate", move |line| {
        Box::pin(async move {
            let body: AllocateResponse = line.json(request).await?;
            Ok(Answer::Granted(body.allocation_id))
        })
    }))
}

fn inference(infer: &Infer, known: &Known<'_>) -> Result<Dialogue, Error> {
    let body = InferenceRequest {
        allocation_id: Cow::Borrowed(&known.share(infer.allocation)?.wire),
        prompt: known.words(infer)?,
        temperature: infer.temperature.as_f64(),
        max_tokens: infer.max_tokens.get(),
        stream: infer.stream,
        prompt_tokens: Some(infer.prompt.tokens.get()),
    };
    let request = known.post(&["v1", "inference"], &body)?;
    let stream = infer.stream.then(Generation::default);
    Ok(Dialogue::new("POST /v1/inference", move |line| {
        Box::pin(line.generation(request, stream, |body: InferenceResponse| {
            Ok(Answer::Generated { usage: body.usage.into(), text: body.text })
        }))
    }))
}

fn release(allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let share = known.share(allocation)?;
    let request = known.request(Method::DELETE, &["v1", "allocate", &share.wire]);
    Ok(Dialogue::new("DELETE /v1/allocate/{id}", move |line| {
        Box::pin(async move { line.done(request).await.map(|()| Answer::Released) })
    }))
}

fn inspection(allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let share = known.share(allocation)?;
    let request = known.request(Method::GET, &["v1", "allocate", &share.wire]);
    let names = Arc::clone(known.names);
    Ok(Dialogue::new("GET /v1/allocate/{id}", move |line| {
        Box::pin(async move {
            let body: AllocationBody = line.json(request).await?;
            names.allocation_from_wire(allocation, &body).map(Answer::Inspected)
        })
    }))
}

fn listing(pool: PoolId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let name = known.pool(pool)?;
    let request = known.endpoint.query(&["v1", "allocate"], "pool_id", name);
    let names = Arc::clone(known.names);
    Ok(Dialogue::new("GET /v1/allocate", move |line| {
        Box::pin(async move {
            let body: AllocationList = line.json(request).await?;
            rows(pool, body, &names).map(Answer::Listed)
        })
    }))
}

/// Some providers ignore the filter and list every pool: the rest is left out.
fn rows(pool: PoolId, body: AllocationList, names: &WireNames) -> Result<Vec<Row>, Error> {
    let here = body.allocations.into_iter().filter(|row| names.pool_id(&row.pool_id) == Some(pool));
    here.map(|row| {
        let info = names.allocation_from_wire(AllocationId(0), &row)?;
        Ok(Row { id: row.allocation_id, info })
    })
    .collect()
}

fn pools(known: &Known<'_>) -> Dialogue {
    let request = known.request(Method::GET, &["v1", "pools"]);
    let names = Arc::clone(known.names);
    Dialogue::new("GET /v1/pools", move |line| {
        Box::pin(async move {
            let body: PoolList = line.json(request).await?;
            let pools = body.pools.iter().map(|pool| names.pool_from_wire(pool));
            pools.filter_map(Result::transpose).collect::<Result<_, _>>().map(Answer::Pools)
        })
    })
}
