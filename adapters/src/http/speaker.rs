//! The border between the connector and a dialect.
//!
//! The connector knows shares by number, keeps bounds and tells events; a dialect knows words and
//! addresses. For each operation a dialect makes a [`Dialogue`]: one exchange or several, held on the
//! call's [`Line`](super::line::Line) in a task of its own. What a question needs of here is put into
//! words before the dialogue begins, so what cannot be asked costs no exchange.

use std::{fmt, sync::Arc};

use connector::{
    AllocationId, Error, ErrorKind, Infer, ModelId, Operation, PoolId, Reply, TenantId,
};
use hyper::Method;
use serde::Serialize;

use super::{
    call::Dialogue,
    client::Request,
    covenant_v1::CovenantV1,
    endpoint::Endpoint,
    filler,
    gaps::Serving,
    gpuaas::Gpuaas,
    harpoon_v1::HarpoonV1,
    line::Failures,
    openai::OpenAi,
    options::{Dialect, HttpLimits, HttpOptions, SetupError},
    table::{AllocationTable, Share},
};
use crate::harpoon_v1::WireNames;

/// Whoever speaks a dialect.
pub(super) trait Speaker: fmt::Debug + Send {
    /// How the dialect words its failures.
    fn failures(&self) -> Failures;

    /// The answer to what the endpoint need not be asked. Default: it is asked about everything.
    fn answer(&mut self, operation: &Operation) -> Option<Result<Reply, Error>> {
        let _ = operation;
        None
    }

    /// What a share of the dialect's own keeping is for. Default: it keeps none.
    fn serving(&self, allocation: AllocationId) -> Option<Serving> {
        let _ = allocation;
        None
    }

    /// What an operation is in this dialect; never a cancellation, which is closing the connection.
    ///
    /// # Errors
    /// `NotFound` for a share, pool or model without a name, `Invalid` for a prompt beyond the limit:
    /// nothing is sent then.
    fn dialogue(&self, operation: &Operation, known: &Known<'_>) -> Result<Dialogue, Error>;
}

/// The speaker of a dialect.
///
/// # Errors
/// Where what the dialect needs besides cannot be used; see [`SetupError`].
pub(super) fn of(
    options: &HttpOptions,
    endpoint: &Arc<Endpoint>,
) -> Result<Box<dyn Speaker>, SetupError> {
    Ok(match options.dialect {
        Dialect::HarpoonV1 => Box::new(HarpoonV1),
        Dialect::CovenantV1 => Box::new(CovenantV1::new(options.lease)),
        Dialect::OpenAi => Box::new(OpenAi::new(options.limits.in_flight)),
        Dialect::Gpuaas => Box::new(Gpuaas::new(options, endpoint)?),
    })
}

/// What is known here that a question may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) names: &'a Arc<WireNames>,
    pub(super) table: &'a AllocationTable,
    pub(super) limits: HttpLimits,
}

impl<'a> Known<'a> {
    pub(super) fn share(&self, allocation: AllocationId) -> Result<&'a Share, Error> {
        let share = self.table.share(allocation);
        share.ok_or_else(|| unknown(format!("share {allocation} is not held here")))
    }

    pub(super) fn pool(&self, pool: PoolId) -> Result<&'a str, Error> {
        self.names.pool(pool).ok_or_else(|| unknown(format!("pool {pool} has no name")))
    }

    pub(super) fn model(&self, model: ModelId) -> Result<&'a str, Error> {
        self.names.model(model).ok_or_else(|| unknown(format!("model {model} has no name")))
    }

    pub(super) fn tenant(&self, tenant: TenantId) -> Option<String> {
        self.names.tenant(tenant).map(Into::into)
    }

    /// The words of a prompt, made up where there are none.
    pub(super) fn words<'b>(&self, infer: &'b Infer) -> Result<std::borrow::Cow<'b, str>, Error> {
        filler::words(&infer.prompt, self.limits.prompt_bytes)
    }

    /// A request without a body.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> Request {
        self.endpoint.request(method, segments)
    }

    /// A request with a body in JSON.
    pub(super) fn post(&self, segments: &[&str], body: &impl Serialize) -> Result<Request, Error> {
        self.endpoint.post(segments, body)
    }
}

pub(super) fn unknown(words: String) -> Error {
    Error::new(ErrorKind::NotFound, words)
}
