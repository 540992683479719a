//! [`covenant-v1`](crate::covenant_v1) as it is asked.
//!
//! Listings are extensions: an endpoint without them is answered for by what is known here, which
//! cannot show a share whose grant was never heard. Such a share ends with the time it was asked for.

use std::{borrow::Cow, sync::Arc};

use connector::{
    Allocate, AllocationId, AllocationInfo, Duration, Error, ErrorKind, Infer, Operation, PoolId,
};
use hyper::Method;

use super::{
    call::{Answer, Dialogue, Row},
    harpoon_v1::Generation,
    line::Failures,
    speaker::{Known, Speaker},
};
use crate::{
    covenant_v1::{
        AllocationList, AllocationRequest, AllocationResponse, InferenceRequest, Metadata,
        MetricsBody, read_failure,
    },
    harpoon_v1::{InferenceResponse, PoolList, hidden_failure},
};

#[derive(Debug)]
pub(super) struct CovenantV1 {
    lease: Duration,
}

impl CovenantV1 {
    /// Shares are asked for this long, rounded up to seconds.
    pub(super) const fn new(lease: Duration) -> Self {
        Self { lease }
    }

    fn allocation(&self, allocate: &Allocate, known: &Known<'_>) -> Result<Dialogue, Error> {
        let body = AllocationRequest {
            pool_id: known.pool(allocate.pool)?.into(),
            requirements: allocate.requirements.into(),
            duration_seconds: self.lease.as_nanos().div_ceil(1_000_000_000).max(1),
            preemptible: allocate.preemptible,
            metadata: Metadata {
                tenant_id: known.tenant(allocate.tenant),
                workload_id: Some(known.model(allocate.model)?.into()),
                priority: Some(allocate.priority.rank()),
            },
        };
        let request = known.post(&["api", "v1", "allocations"], &body)?;
        Ok(Dialogue::new("POST /api/v1/allocations", move |line| {
            Box::pin(async move {
                let body: AllocationResponse = line.json(request).await?;
                Ok(Answer::Granted(body.allocation_id))
            })
        }))
    }
}

impl Speaker for CovenantV1 {
    fn failures(&self) -> Failures {
        Failures { read: read_failure, hidden: hidden_failure }
    }

    fn dialogue(&self, operation: &Operation, known: &Known<'_>) -> Result<Dialogue, Error> {
        match operation {
            Operation::Allocate(allocate) => self.allocation(allocate, known),
            Operation::Infer(infer) => inference(infer, known),
            Operation::Release { allocation } => release(*allocation, known),
            Operation::Inspect { allocation } => inspection(*allocation, known),
            Operation::List { pool } => listing(*pool, known),
            Operation::Pools => Ok(pools(known)),
            Operation::Cancel { .. } => unreachable!("a cancellation is not sent"),
        }
    }
}

fn inference(infer: &Infer, known: &Known<'_>) -> Result<Dialogue, Error> {
    let share = known.share(infer.allocation)?;
    let model = share.model.ok_or_else(|| {
        let words = format!("what share {} is for is not known here", infer.allocation);
        Error::new(ErrorKind::NotFound, words)
    })?;
    let body = InferenceRequest {
        model: Cow::Borrowed(known.model(model)?),
        prompt: known.words(infer)?,
        max_tokens: infer.max_tokens.get(),
        temperature: infer.temperature.as_f64(),
        stream: infer.stream,
        prompt_tokens: Some(infer.prompt.tokens.get()),
    };
    let request = known.post(&["api", "v1", "inference", &share.wire], &body)?;
    let stream = infer.stream.then(Generation::default);
    Ok(Dialogue::new("POST /api/v1/inference/{id}", move |line| {
        Box::pin(line.generation(request, stream, |body: InferenceResponse| {
            Ok(Answer::Generated { usage: body.usage.into(), text: body.text })
        }))
    }))
}

fn release(allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let share = known.share(allocation)?;
    let request = known.request(Method::DELETE, &["api", "v1", "allocations", &share.wire]);
    Ok(Dialogue::new("DELETE /api/v1/allocations/{id}", move |line| {
        Box::pin(async move { line.done(request).await.map(|()| Answer::Released) })
    }))
}

/// The figures are of the endpoint's own making; that there are some is the answer.
fn inspection(allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let share = known.share(allocation)?;
    let (pool, model) = (share.pool, share.model);
    let path = ["api", "v1", "allocations", &share.wire, "metrics"];
    let request = known.request(Method::GET, &path);
    Ok(Dialogue::new("GET /api/v1/allocations/{id}/metrics", move |line| {
        Box::pin(async move {
            let body: MetricsBody = line.json(request).await?;
            let (requirements, usage) = (None, None);
            let running = body.running;
            let info = AllocationInfo { allocation, pool, model, requirements, running, usage };
            Ok(Answer::Inspected(info))
        })
    }))
}

fn listing(pool: PoolId, known: &Known<'_>) -> Result<Dialogue, Error> {
    let path = ["api", "v1", "allocations"];
    let request = known.endpoint.query(&path, "pool_id", known.pool(pool)?);
    let names = Arc::clone(known.names);
    Ok(Dialogue::new("GET /api/v1/allocations", move |line| {
        Box::pin(async move {
            let Some(body) = line.json_if_served::<AllocationList>(request).await? else {
                return Ok(Answer::KnownHere);
            };
            let rows = body.allocations.into_iter();
            let here = rows.filter(|row| names.pool_id(&row.pool_id) == Some(pool));
            let rows = here.map(|row| {
                let info = row.to_info(AllocationId(0), pool, &names);
                Row { id: row.allocation_id, info }
            });
            Ok(Answer::Listed(rows.collect()))
        })
    }))
}

/// An endpoint that has no list of pools is alive, no more.
fn pools(known: &Known<'_>) -> Dialogue {
    let request = known.request(Method::GET, &["api", "v1", "pools"]);
    let names = Arc::clone(known.names);
    Dialogue::new("GET /api/v1/pools", move |line| {
        Box::pin(async move {
            let body = line.json_if_served::<PoolList>(request).await?.unwrap_or_default();
            let pools = body.pools.iter().map(|pool| names.pool_from_wire(pool));
            pools.filter_map(Result::transpose).collect::<Result<_, _>>().map(Answer::Pools)
        })
    })
}
