//! Accounts as a journal writes them. A tag, once given, is never given to another account: old
//! journals are read for ever.

use connector::{ModelId, PoolId, TenantId};

use crate::billing::{AccountId, UseKind};

use super::{NamedKind, record::Reader};

const UNBILLED: u8 = 0;
const RECEIVABLE: u8 = 1;
const CASH: u8 = 2;
const PAYABLE: u8 = 3;
const REVENUE: u8 = 4;
const SHORTFALL: u8 = 5;
const COST: u8 = 6;
const IDLE: u8 = 7;
const OVERHEAD: u8 = 8;
const ROUNDING: u8 = 9;
const RESERVATIONS: u8 = 10;
const IN_WORK: u8 = 11;

/// Numbers of what an account belongs to.
pub(super) fn numbers(account: AccountId) -> [Option<(NamedKind, u32)>; 3] {
    let tenant = |id: TenantId| Some((NamedKind::Tenant, id.0));
    let model = |id: ModelId| Some((NamedKind::Model, id.0));
    let pool = |id: PoolId| Some((NamedKind::Pool, id.0));
    match account {
        AccountId::Unbilled(id)
        | AccountId::Receivable(id)
        | AccountId::Shortfall(id)
        | AccountId::InWork(id) => [tenant(id), None, None],
        AccountId::Payable(id) | AccountId::Idle(id) | AccountId::Overhead(id) => {
            [pool(id), None, None]
        }
        AccountId::Revenue { tenant: whose, model: what, pool: place }
        | AccountId::Cost { tenant: whose, model: what, pool: place, .. } => {
            [tenant(whose), model(what), pool(place)]
        }
        AccountId::Cash | AccountId::Rounding | AccountId::Reservations => [None; 3],
    }
}

pub(super) fn write(account: AccountId, into: &mut Vec<u8>) {
    let (tag, kind) = match account {
        AccountId::Unbilled(_) => (UNBILLED, None),
        AccountId::Receivable(_) => (RECEIVABLE, None),
        AccountId::Cash => (CASH, None),
        AccountId::Payable(_) => (PAYABLE, None),
        AccountId::Revenue { .. } => (REVENUE, None),
        AccountId::Shortfall(_) => (SHORTFALL, None),
        AccountId::Cost { kind, .. } => (COST, Some(kind)),
        AccountId::InWork(_) => (IN_WORK, None),
        AccountId::Idle(_) => (IDLE, None),
        AccountId::Overhead(_) => (OVERHEAD, None),
        AccountId::Rounding => (ROUNDING, None),
        AccountId::Reservations => (RESERVATIONS, None),
    };
    into.push(tag);
    for (_, number) in numbers(account).into_iter().flatten() {
        into.extend_from_slice(&number.to_le_bytes());
    }
    if let Some(kind) = kind {
        into.push(use_kind(kind));
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<AccountId> {
    let tenant = |reader: &mut Reader<'_>| reader.number().map(TenantId);
    let model = |reader: &mut Reader<'_>| reader.number().map(ModelId);
    let pool = |reader: &mut Reader<'_>| reader.number().map(PoolId);
    Some(match u8::from_le_bytes(reader.take()?) {
        UNBILLED => AccountId::Unbilled(tenant(reader)?),
        RECEIVABLE => AccountId::Receivable(tenant(reader)?),
        CASH => AccountId::Cash,
        PAYABLE => AccountId::Payable(pool(reader)?),
        REVENUE => AccountId::Revenue {
            tenant: tenant(reader)?,
            model: model(reader)?,
            pool: pool(reader)?,
        },
        SHORTFALL => AccountId::Shortfall(tenant(reader)?),
        COST => AccountId::Cost {
            tenant: tenant(reader)?,
            model: model(reader)?,
            pool: pool(reader)?,
            kind: {
                let [byte] = reader.take()?;
                UseKind::ALL.into_iter().find(|&kind| use_kind(kind) == byte)?
            },
        },
        IN_WORK => AccountId::InWork(tenant(reader)?),
        IDLE => AccountId::Idle(pool(reader)?),
        OVERHEAD => AccountId::Overhead(pool(reader)?),
        ROUNDING => AccountId::Rounding,
        RESERVATIONS => AccountId::Reservations,
        _ => return None,
    })
}

const fn use_kind(kind: UseKind) -> u8 {
    match kind {
        UseKind::Delivered => 0,
        UseKind::Disconnected => 1,
        UseKind::Preempted => 2,
        UseKind::Hedged => 3,
        UseKind::Retried => 4,
        UseKind::Ghost => 5,
        UseKind::Idle => 6,
    }
}
