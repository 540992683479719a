//! An operation in the provider's words, and its way through the exchanges.

use std::sync::Arc;

use connector::{Allocate, AllocationId, Error, ErrorKind, Infer, ModelId, Operation, PoolId};
use serde_json::Value;

use super::{Account, FAILURES};
use crate::{
    gpuaas::WireId,
    harpoon_v1::RequirementsBody,
    http::{
        call::{Answer, Dialogue},
        endpoint::Endpoint,
        line::{Failures, Line},
        openai::{
            self,
            chat::{self, ChatStream},
        },
        options::{HttpOptions, SetupError},
        speaker::{Known, Speaker, unknown},
    },
};

/// Speaks for our account.
#[derive(Debug)]
pub(in crate::http) struct Gpuaas {
    /// Shared with the tasks.
    account: Arc<Account>,
}

/// What is asked of an exposed service.
struct Completion {
    subscription: WireId,
    question: Value,
    stream: Option<ChatStream>,
}

impl Gpuaas {
    /// # Errors
    /// Where the options cannot be used; see [`SetupError`].
    pub(in crate::http) fn new(
        options: &HttpOptions,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Self, SetupError> {
        Ok(Self { account: Arc::new(Account::new(options, endpoint)?) })
    }

    fn allocation(&self, ask: &Allocate, known: &Known<'_>) -> Result<Dialogue, Error> {
        known.model(ask.model)?;
        let asked = known.names.requirements_to_wire(ask.requirements, ask.model);
        let asked: RequirementsBody = asked.expect("the model was found to have a name");
        let (account, pool) = (Arc::clone(&self.account), known.pool(ask.pool)?.to_owned());
        Ok(Dialogue::new("the subscription", move |_| {
            Box::pin(async move { account.allocate(&pool, &asked).await })
        }))
    }

    fn completion(&self, ask: &Infer, known: &Known<'_>) -> Result<Dialogue, Error> {
        let share = known.share(ask.allocation)?;
        let model = share.model.map(|model| known.model(model)).or_else(|| only_model(known));
        let no_model = || unknown(format!("the model of {} is not known", share.wire));
        let model = model.ok_or_else(no_model)??;
        let question = openai::question(ask, model, known)?;
        let question = serde_json::to_value(question);
        let completion = Completion {
            subscription: subscription(ask.allocation, known)?,
            question: question
                .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?,
            stream: ask.stream.then(|| ChatStream::new(ask.prompt.tokens)),
        };
        let account = Arc::clone(&self.account);
        Ok(Dialogue::new("the completion at the exposed service", move |line| {
            Box::pin(async move { account.complete(completion, line).await })
        }))
    }

    fn release(&self, allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
        let (account, subscription) = (Arc::clone(&self.account), subscription(allocation, known)?);
        Ok(Dialogue::new("the end of the subscription", move |_| {
            Box::pin(async move { account.release(&subscription).await })
        }))
    }

    fn inspection(&self, allocation: AllocationId, known: &Known<'_>) -> Result<Dialogue, Error> {
        let (account, subscription) = (Arc::clone(&self.account), subscription(allocation, known)?);
        Ok(Dialogue::new("the list of subscriptions", move |_| {
            Box::pin(async move { account.inspect(allocation, &subscription).await })
        }))
    }

    fn listing(&self, pool: PoolId, known: &Known<'_>) -> Result<Dialogue, Error> {
        let (account, pool) = (Arc::clone(&self.account), known.pool(pool)?.to_owned());
        Ok(Dialogue::new("the list of subscriptions", move |_| {
            Box::pin(async move { account.list(&pool).await })
        }))
    }

    fn pools(&self) -> Dialogue {
        let account = Arc::clone(&self.account);
        Dialogue::new("the list of pools", move |_| Box::pin(async move { account.offers().await }))
    }
}

impl Speaker for Gpuaas {
    fn failures(&self) -> Failures {
        FAILURES
    }

    fn dialogue(&self, operation: &Operation, known: &Known<'_>) -> Result<Dialogue, Error> {
        match operation {
            Operation::Allocate(allocate) => self.allocation(allocate, known),
            Operation::Infer(infer) => self.completion(infer, known),
            Operation::Release { allocation } => self.release(*allocation, known),
            Operation::Inspect { allocation } => self.inspection(*allocation, known),
            Operation::List { pool } => self.listing(*pool, known),
            Operation::Pools => Ok(self.pools()),
            Operation::Cancel { .. } => unreachable!("a cancellation is not sent"),
        }
    }
}

fn subscription(allocation: AllocationId, known: &Known<'_>) -> Result<WireId, Error> {
    let share = known.share(allocation)?;
    WireId::new(&share.wire).ok_or_else(|| unknown(format!("`{}` is no subscription", share.wire)))
}

/// The provider does not remember what a share that was only listed is for.
fn only_model<'a>(known: &Known<'a>) -> Option<Result<&'a str, Error>> {
    known.names.model(ModelId(1)).is_none().then(|| known.model(ModelId(0)))
}

impl Account {
    async fn complete(&self, completion: Completion, line: &mut Line) -> Result<Answer, Error> {
        let Completion { subscription, question, stream } = completion;
        let service = self.service_of(&subscription).await?;
        line.exchanges = self.at_service(&service);
        let endpoint = Arc::clone(&line.exchanges.endpoint);
        let request = endpoint.post(&["v1", "chat", "completions"], &question)?;
        let answer = line.generation(request, stream, chat::whole).await;
        answer.map_err(|error| {
            if error.kind == ErrorKind::Preempted {
                self.books.forget(&subscription);
            }
            endpoint.redact(error)
        })
    }

    /// Where the service of a share is; it is exposed first, if the share was only found in a list.
    async fn service_of(&self, subscription: &WireId) -> Result<url::Url, Error> {
        let facts = self.facts_of(subscription)?;
        if let Some(service) = facts.service {
            return Ok(service);
        }
        let pod = self.running_pod((facts.team, &facts.pool_id), subscription).await?;
        let service = self.expose(subscription, &pod).await?;
        self.books.found_service(subscription, service.clone());
        Ok(service)
    }
}
