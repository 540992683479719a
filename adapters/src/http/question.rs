//! An operation as an HTTP request.

use std::borrow::Cow;

use connector::{Allocate, AllocationId, Error, ErrorKind, Infer, Operation, PoolId};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;

use super::{
    call::{Call, Expects},
    connector::Subject,
    endpoint::{Endpoint, address_of},
    filler,
    growth::Curiosity,
    options::{HttpLimits, HttpTimeouts},
    own_shares::OwnShares,
    table::AllocationTable,
};
use crate::{
    harpoon_v1::{AllocateRequest, InferenceRequest, WireNames},
    openai::{ChatMessage, ChatRequest, StreamOptions},
};

/// What is needed to put an operation into words.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) names: &'a WireNames,
    pub(super) table: &'a AllocationTable,
    /// Where the endpoint knows no shares: those kept here.
    pub(super) own: Option<&'a OwnShares>,
    pub(super) timeouts: &'a HttpTimeouts,
    pub(super) limits: HttpLimits,
}

impl Asked<'_> {
    /// The question in HTTP.
    ///
    /// # Errors
    /// `NotFound` for a share, pool or model without a name, `Invalid` for a prompt beyond the limit:
    /// nothing is sent then.
    pub(super) fn call(&self, operation: &Operation) -> Result<(Subject, Call), Error> {
        let (subject, expects, request) = match (operation, self.own) {
            (Operation::Infer(infer), Some(own)) => {
                let request = self.post(&["chat", "completions"], &self.completion(infer, own)?)?;
                let expects = Expects::Chat { stream: infer.stream, prompt: infer.prompt.tokens };
                (subject_of(infer), expects, request)
            }
            (Operation::Pools, Some(_)) => {
                let request = self.endpoint.request(Method::GET, &["models"]);
                (Subject::Pools, Expects::Models, request)
            }
            (_, Some(_)) => unreachable!("an endpoint without shares is not asked about them"),
            (Operation::Allocate(allocate), None) => {
                let request = self.post(&["allocate"], &self.allocation(allocate)?)?;
                (Subject::Allocate, Expects::Grant, request)
            }
            (Operation::Infer(infer), None) => {
                let request = self.post(&["inference"], &self.inference(infer)?)?;
                let expects = Expects::Generation { stream: infer.stream };
                (subject_of(infer), expects, request)
            }
            (Operation::Release { allocation }, None) => {
                let request = self.share(Method::DELETE, *allocation)?;
                (Subject::Release(*allocation), Expects::Release, request)
            }
            (Operation::Inspect { allocation }, None) => {
                let request = self.share(Method::GET, *allocation)?;
                (Subject::Inspect(*allocation), Expects::Inspection, request)
            }
            (Operation::List { pool }, None) => {
                let name = self.pool(*pool)?;
                let request = self.endpoint.query(&["allocate"], "pool_id", name);
                (Subject::List(*pool), Expects::Listing, request)
            }
            (Operation::Pools, None) => {
                let request = self.endpoint.request(Method::GET, &["pools"]);
                (Subject::Pools, Expects::Pools, request)
            }
            (Operation::Cancel { .. }, None) => unreachable!("a cancellation is not sent"),
        };
        let curiosity = curiosity(operation);
        let timeout = self.timeouts.of(operation.kind());
        let address = address_of(operation, self.own.is_some());
        Ok((subject, Call { request, expects, curiosity, address, timeout, limits: self.limits }))
    }

    fn allocation(&self, allocate: &Allocate) -> Result<AllocateRequest, Error> {
        let requirements = self.names.requirements_to_wire(allocate.requirements, allocate.model);
        Ok(AllocateRequest {
            pool_id: self.pool(allocate.pool)?.into(),
            requirements: requirements
                .ok_or_else(|| unknown(format!("model {} has no name", allocate.model)))?,
            overcommit: allocate.overcommit,
            preemptible: allocate.preemptible,
            priority: allocate.priority.rank(),
            tenant_id: self.names.tenant(allocate.tenant).map(Into::into),
        })
    }

    fn inference<'a>(&'a self, infer: &'a Infer) -> Result<InferenceRequest<'a>, Error> {
        Ok(InferenceRequest {
            allocation_id: Cow::Borrowed(self.wire(infer.allocation)?),
            prompt: filler::words(&infer.prompt, self.limits.prompt_bytes)?,
            temperature: infer.temperature.as_f64(),
            max_tokens: infer.max_tokens.get(),
            stream: infer.stream,
            prompt_tokens: Some(infer.prompt.tokens.get()),
        })
    }

    fn completion<'a>(
        &'a self,
        infer: &'a Infer,
        own: &OwnShares,
    ) -> Result<ChatRequest<'a>, Error> {
        let model = own.model(infer.allocation)?;
        let name = self.names.model(model);
        let name = name.ok_or_else(|| unknown(format!("model {model} has no name")))?;
        let content = filler::words(&infer.prompt, self.limits.prompt_bytes)?;
        Ok(ChatRequest {
            model: Cow::Borrowed(name),
            messages: vec![ChatMessage { role: "user".into(), content }],
            max_tokens: Some(infer.max_tokens.get()),
            temperature: Some(infer.temperature.as_f64()),
            stream: infer.stream,
            stream_options: infer.stream.then_some(StreamOptions { include_usage: true }),
        })
    }

    fn post(&self, segments: &[&str], body: &impl Serialize) -> Result<RequestBuilder, Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        let request = self.endpoint.request(Method::POST, segments);
        Ok(request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body))
    }

    fn share(&self, method: Method, allocation: AllocationId) -> Result<RequestBuilder, Error> {
        let wire = self.wire(allocation)?;
        Ok(self.endpoint.request(method, &["allocate", wire]))
    }

    fn wire(&self, allocation: AllocationId) -> Result<&str, Error> {
        let wire = self.table.wire(allocation);
        wire.map(|wire| &**wire)
            .ok_or_else(|| unknown(format!("share {allocation} is not held here")))
    }

    fn pool(&self, pool: PoolId) -> Result<&str, Error> {
        self.names.pool(pool).ok_or_else(|| unknown(format!("pool {pool} has no name")))
    }
}

const fn subject_of(infer: &Infer) -> Subject {
    Subject::Infer { share: infer.allocation, most: infer.max_tokens }
}

/// Of an answer that comes whole there is nothing to tell before.
fn curiosity(operation: &Operation) -> Option<Curiosity> {
    let Operation::Infer(infer) = operation else { return None };
    let period = infer.progress.filter(|_| infer.stream)?;
    Some(Curiosity { period, most: infer.max_tokens })
}

fn unknown(words: String) -> Error {
    Error::new(ErrorKind::NotFound, words)
}
