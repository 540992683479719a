//! The contract's types as JSON has them.
//!
//! The contract knows no file format, so each of its types has a form here: numbers for its units and
//! ids, names for its kinds, and an object with the same fields for what has fields.

use connector::{
    Allocate, AllocationId, AllocationInfo, BasisPoints, Duration, Mebibytes, ModelId, Money,
    PoolGauge, PoolId, PoolInfo, PoolKind, PoolScaling, Priority, ProviderUsage, Requirements,
    SecurityLevel, SetAside, ShareUsage, StatementLine, StayEnd, Temperature, TenantId, Tflops,
    Ticket, Timestamp, TokenGaps, Tokens, Usage,
};
use serde::{Deserialize, Serialize};

/// A value that its type does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no {what}")]
pub struct BadValue {
    what: &'static str,
    value: String,
}

impl BadValue {
    pub(super) fn new(what: &'static str, value: &impl ToString) -> Self {
        Self { what, value: value.to_string().chars().take(60).collect() }
    }
}

/// A type of the contract that has a form.
pub(super) trait Formed: Sized {
    type Form;

    fn form(&self) -> Self::Form;

    fn of(form: Self::Form) -> Result<Self, BadValue>;
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Formed for $type {
            type Form = Self;

            fn form(&self) -> Self {
                Self::clone(self)
            }

            fn of(form: Self) -> Result<Self, BadValue> {
                Ok(form)
            }
        }
    )*};
}

plain!(bool, u8, u32, u64, u128, Box<str>);

macro_rules! numbers {
    ($($type:ty: $number:ty, $read:expr, $make:expr;)*) => {$(
        impl Formed for $type {
            type Form = $number;

            fn form(&self) -> $number {
                let read: fn(Self) -> $number = $read;
                read(*self)
            }

            fn of(form: $number) -> Result<Self, BadValue> {
                let make: fn($number) -> Self = $make;
                Ok(make(form))
            }
        }
    )*};
}

numbers! {
    Ticket: u64, |ticket: Self| ticket.0, Self;
    AllocationId: u64, |id: Self| id.0, Self;
    PoolId: u32, |id: Self| id.0, Self;
    ModelId: u32, |id: Self| id.0, Self;
    TenantId: u32, |id: Self| id.0, Self;
    Timestamp: u64, Self::as_nanos, Self::from_nanos;
    Duration: u64, Self::as_nanos, Self::from_nanos;
    Tokens: u32, Self::get, Self::new;
    Mebibytes: u64, Self::get, Self::new;
    Tflops: u64, Self::as_gflops, Self::from_gflops;
    Money: i128, Self::as_nanos, Self::from_nanos;
}

impl Formed for Priority {
    type Form = u8;

    fn form(&self) -> u8 {
        self.rank()
    }

    fn of(form: u8) -> Result<Self, BadValue> {
        Self::new(form).ok_or_else(|| BadValue::new("priority", &form))
    }
}

impl Formed for Temperature {
    type Form = u32;

    fn form(&self) -> u32 {
        // What it holds are basis points; the waist tells it as the wire has it.
        (self.as_f64() * 10_000.0).round() as u32
    }

    fn of(form: u32) -> Result<Self, BadValue> {
        Self::new(BasisPoints::new(form)).ok_or_else(|| BadValue::new("temperature", &form))
    }
}

macro_rules! names {
    ($($type:ty, $what:literal, $find:expr;)*) => {$(
        impl Formed for $type {
            type Form = String;

            fn form(&self) -> String {
                self.name().to_owned()
            }

            fn of(form: String) -> Result<Self, BadValue> {
                let find: fn(&str) -> Option<Self> = $find;
                find(&form).ok_or_else(|| BadValue::new($what, &form))
            }
        }
    )*};
}

names! {
    PoolKind, "kind of pool", Self::from_name;
    SecurityLevel, "security level", Self::from_name;
    StayEnd, "end of a stay", |name: &str| Self::ALL.into_iter().find(|end| end.name() == name);
}

impl<T: Formed> Formed for Option<T> {
    type Form = Option<T::Form>;

    fn form(&self) -> Self::Form {
        self.as_ref().map(T::form)
    }

    fn of(form: Self::Form) -> Result<Self, BadValue> {
        form.map(T::of).transpose()
    }
}

impl<T: Formed> Formed for Vec<T> {
    type Form = Vec<T::Form>;

    fn form(&self) -> Self::Form {
        self.iter().map(T::form).collect()
    }

    fn of(form: Self::Form) -> Result<Self, BadValue> {
        form.into_iter().map(T::of).collect()
    }
}

impl<T: Formed, const N: usize> Formed for Box<[T; N]> {
    type Form = Vec<T::Form>;

    fn form(&self) -> Self::Form {
        self.iter().map(T::form).collect()
    }

    fn of(form: Self::Form) -> Result<Self, BadValue> {
        let count = form.len();
        let all = Vec::<T>::of(form)?.try_into().map(Box::new);
        all.map_err(|_| BadValue::new("list of as many as there must be", &count))
    }
}

/// An object with the fields of a type. A field whose form is absent may be left out.
macro_rules! objects {
    ($($form:ident = $type:ident {
        $($field:ident: $of:ty),* $(,)?
        $(; $maybe:ident: $of_maybe:ty)* $(;)?
    })*) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $form {
            $($field: <$of as Formed>::Form,)*
            $(
                #[serde(default, skip_serializing_if = "Option::is_none")]
                $maybe: Option<<$of_maybe as Formed>::Form>,
            )*
        }

        impl Formed for $type {
            type Form = $form;

            fn form(&self) -> $form {
                $form {
                    $($field: self.$field.form(),)*
                    $($maybe: self.$maybe.form(),)*
                }
            }

            fn of(form: $form) -> Result<Self, BadValue> {
                Ok(Self {
                    $($field: <$of>::of(form.$field)?,)*
                    $($maybe: Option::<$of_maybe>::of(form.$maybe)?,)*
                })
            }
        }
    )*};
}

objects! {
    RequirementsForm = Requirements { tflops: Tflops, vram: Mebibytes }
    AllocateForm = Allocate {
        pool: PoolId,
        model: ModelId,
        requirements: Requirements,
        overcommit: bool,
        preemptible: bool,
        priority: Priority,
        tenant: TenantId,
    }
    UsageForm = Usage { prompt: Tokens, cached: Tokens, output: Tokens }
    ShareUsageForm = ShareUsage { tflops: Tflops, vram: Mebibytes }
    AllocationInfoForm = AllocationInfo {
        allocation: AllocationId,
        pool: PoolId;
        model: ModelId;
        requirements: Requirements;
        running: u32;
        usage: Box<connector::ShareUsages>;
    }
    PoolInfoForm = PoolInfo {
        pool: PoolId,
        name: Box<str>,
        kind: PoolKind,
        free_slots: u32,
        card_vram: Mebibytes,
        price_per_slot_hour: Money;
        security_level: SecurityLevel;
    }
    SetAsideForm = SetAside { waiting: u32, requeued: u64, resumed: u64, recomputed_tokens: u64 }
    PoolScalingForm = PoolScaling {
        wanted: u32,
        coming: u32,
        spare: u32,
        scaled_out: u64,
        scaled_in: u64,
    }
    PoolGaugeForm = PoolGauge {
        pool: PoolId,
        cards: u32,
        slots: u32,
        slots_held: u32,
        running: u32,
        waiting: u32,
        vram: Mebibytes,
        vram_promised: Mebibytes,
        tflops: Tflops,
        tflops_promised: Tflops,
        busy_card_ns: u128,
        card_ns: u128,
        held_slot_ns: u128,
        preemptions: u64,
        set_aside: SetAside,
        recomputations: u64,
        prefix_asked: u64,
        prefix_found: u64,
        changing_card_ns: u128,
        paged_bytes: u64,
        kv_blocks: u64,
        kv_blocks_in_use: u64;
        scaling: PoolScaling;
    }
    TokenGapsForm = TokenGaps { pool: PoolId, model: ModelId, gap: Duration, count: u64 }
    ProviderUsageForm = ProviderUsage {
        pool: PoolId,
        tenant: TenantId,
        slot_ns: u128,
        mebibyte_ns: u128,
        flop: u128,
        cost: Money,
        untold_slot_ns: u128,
        ghost_slot_ns: u128,
        releasing_slot_ns: u128,
        slots_held: u32,
        prompt_tokens: u128,
        output_tokens: u128,
    }
    StatementLineForm = StatementLine {
        allocation: AllocationId,
        pool: PoolId,
        from: Timestamp,
        until: Timestamp,
        ended: StayEnd,
        price_per_slot_hour: Money,
        charge: Money;
        tenant: TenantId;
    }
}
