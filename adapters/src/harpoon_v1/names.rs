//! Names on the wire, numbers inside.

use std::collections::BTreeMap;

use connector::{
    AllocationId, AllocationInfo, Error, ErrorKind, Mebibytes, ModelId, Names, PoolId, PoolInfo,
    PoolKind, Requirements, SecurityLevel, ShareUsage, ShareUsages, TenantId, UsageWindow,
};

use super::{
    AllocationBody, PoolBody, RequirementsBody, WindowBody,
    quantity::{tflops_from_wire, tflops_to_wire},
};

/// Looks names up in both directions. Where two numbers share a name, the name means the lower.
#[derive(Clone, Debug, Default)]
pub struct WireNames {
    names: Names,
    pools: BTreeMap<String, u32>,
    models: BTreeMap<String, u32>,
    tenants: BTreeMap<String, u32>,
}

impl WireNames {
    /// A dictionary of these names.
    pub fn new(names: Names) -> Self {
        Self {
            pools: numbers_of(&names.pools),
            models: numbers_of(&names.models),
            tenants: numbers_of(&names.tenants),
            names,
        }
    }

    /// The name of a pool; `None` for a number without one.
    pub fn pool(&self, pool: PoolId) -> Option<&str> {
        self.names.pools.get(pool.index()).map(String::as_str)
    }

    /// The name of a model; `None` for a number without one.
    pub fn model(&self, model: ModelId) -> Option<&str> {
        self.names.models.get(model.index()).map(String::as_str)
    }

    /// The name of a tenant; `None` for a number without one.
    pub fn tenant(&self, tenant: TenantId) -> Option<&str> {
        self.names.tenants.get(tenant.index()).map(String::as_str)
    }

    /// The pool of this name.
    pub fn pool_id(&self, name: &str) -> Option<PoolId> {
        self.pools.get(name).copied().map(PoolId)
    }

    /// The model of this name.
    pub fn model_id(&self, name: &str) -> Option<ModelId> {
        self.models.get(name).copied().map(ModelId)
    }

    /// The tenant of this name.
    pub fn tenant_id(&self, name: &str) -> Option<TenantId> {
        self.tenants.get(name).copied().map(TenantId)
    }

    /// Requirements for a model as the wire carries them; `None` for a model without a name.
    pub fn requirements_to_wire(
        &self,
        requirements: Requirements,
        model: ModelId,
    ) -> Option<RequirementsBody> {
        Some(RequirementsBody {
            tflops: tflops_to_wire(requirements.tflops),
            vram_mb: requirements.vram.get(),
            model: self.model(model)?.into(),
        })
    }

    /// A share as the wire carries it; `None` in a pool without a name.
    pub fn allocation_to_wire(&self, info: &AllocationInfo) -> Option<AllocationBody> {
        let asked = info.requirements.zip(info.model);
        Some(AllocationBody {
            allocation_id: super::allocation_id_to_wire(info.allocation),
            pool_id: self.pool(info.pool)?.into(),
            requirements: asked.and_then(|(needs, model)| self.requirements_to_wire(needs, model)),
            running: info.running,
            usage: info.usage.as_deref().map(usages_to_wire),
        })
    }

    /// A share of the wire under the number that the caller gave it.
    ///
    /// # Errors
    /// `Protocol` for a pool without a number.
    pub fn allocation_from_wire(
        &self,
        allocation: AllocationId,
        body: &AllocationBody,
    ) -> Result<AllocationInfo, Error> {
        let pool = self.pool_id(&body.pool_id).ok_or_else(|| {
            let words = format!("the share is in pool `{}`, which has no number", body.pool_id);
            Error::new(ErrorKind::Protocol, super::failure::readable(&words))
        })?;
        Ok(AllocationInfo {
            allocation,
            pool,
            model: body.requirements.as_ref().and_then(|needs| self.model_id(&needs.model)),
            requirements: body.requirements.as_ref().and_then(requirements_from_wire),
            running: body.running,
            usage: body.usage.as_ref().and_then(usages_from_wire).map(Box::new),
        })
    }

    /// A pool as the wire carries it; `None` for one without a name.
    pub fn pool_to_wire(&self, info: &PoolInfo) -> Option<PoolBody> {
        Some(PoolBody {
            pool_id: self.pool(info.pool)?.into(),
            name: info.name.to_string(),
            kind: info.kind.name().into(),
            free_slots: info.free_slots,
            card_vram_mb: info.card_vram.get(),
            price_per_slot_hour: info.price_per_slot_hour.to_string(),
            security_level: info.security_level.map(|level| level.name().into()),
        })
    }

    /// A pool of the wire; `None` for one that is not in the dictionary and so cannot be used.
    ///
    /// # Errors
    /// `Protocol` for an unknown kind or level, or a price that is none.
    pub fn pool_from_wire(&self, body: &PoolBody) -> Result<Option<PoolInfo>, Error> {
        let Some(pool) = self.pool_id(&body.pool_id) else { return Ok(None) };
        let unreadable = |what: &str, value: &str| {
            let words = format!("pool `{}` has the {what} `{value}`", body.pool_id);
            Error::new(ErrorKind::Protocol, super::failure::readable(&words))
        };
        let kind = PoolKind::from_name(&body.kind).ok_or_else(|| unreadable("kind", &body.kind))?;
        let price = body.price_per_slot_hour.parse();
        let security_level = match &body.security_level {
            Some(name) => Some(
                SecurityLevel::from_name(name).ok_or_else(|| unreadable("security level", name))?,
            ),
            None => None,
        };
        Ok(Some(PoolInfo {
            pool,
            name: body.name.as_str().into(),
            kind,
            free_slots: body.free_slots,
            card_vram: Mebibytes::new(body.card_vram_mb),
            price_per_slot_hour: price
                .map_err(|_| unreadable("price", &body.price_per_slot_hour))?,
            security_level,
        }))
    }
}

/// Requirements of the wire; `None` when out of range.
pub fn requirements_from_wire(body: &RequirementsBody) -> Option<Requirements> {
    let tflops = tflops_from_wire(body.tflops)?;
    Some(Requirements { tflops, vram: Mebibytes::new(body.vram_mb) })
}

fn usages_to_wire(usages: &ShareUsages) -> BTreeMap<String, WindowBody> {
    let body = |usage: ShareUsage| WindowBody {
        tflops: tflops_to_wire(usage.tflops),
        vram_mb: usage.vram.get(),
    };
    UsageWindow::ALL
        .into_iter()
        .map(|window| (window.name().to_owned(), body(usages[window as usize])))
        .collect()
}

/// Usages of the wire; `None` when a window is missing or out of range.
fn usages_from_wire(windows: &BTreeMap<String, WindowBody>) -> Option<ShareUsages> {
    let mut usages = ShareUsages::default();
    for window in UsageWindow::ALL {
        let body = windows.get(window.name())?;
        usages[window as usize] = ShareUsage {
            tflops: tflops_from_wire(body.tflops)?,
            vram: Mebibytes::new(body.vram_mb),
        };
    }
    Some(usages)
}

fn numbers_of(names: &[String]) -> BTreeMap<String, u32> {
    let mut numbers = BTreeMap::new();
    for (number, name) in (0..).zip(names) {
        numbers.entry(name.clone()).or_insert(number);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use connector::{Money, Tflops};

    use super::*;

    #[test]
    fn a_share_survives_the_wire() {
        let info = AllocationInfo {
            allocation: AllocationId(7),
            pool: PoolId(1),
            model: Some(ModelId(0)),
            requirements: Some(Requirements {
                tflops: Tflops::new(30),
                vram: Mebibytes::new(20_480),
            }),
            running: Some(2),
            usage: Some(Box::new(UsageWindow::ALL.map(|window| ShareUsage {
                tflops: Tflops::from_gflops(1_500 + window as u64),
                vram: Mebibytes::new(window as u64),
            }))),
        };
        let body = names().allocation_to_wire(&info).unwrap();
        assert_eq!((body.allocation_id.as_str(), body.pool_id.as_str()), ("alloc_7", "premium"));
        assert_eq!(names().allocation_from_wire(AllocationId(7), &body), Ok(info));
    }

    #[test]
    fn a_pool_survives_the_wire() {
        let info = PoolInfo {
            pool: PoolId(0),
            name: "standard".into(),
            kind: PoolKind::Standard,
            free_slots: 3,
            card_vram: Mebibytes::from_gib(80),
            price_per_slot_hour: Money::from_nanos(1_234_567_891),
            security_level: Some(SecurityLevel::Medium),
        };
        let body = names().pool_to_wire(&info).unwrap();
        assert_eq!(names().pool_from_wire(&body), Ok(Some(info)));
    }

    #[test]
    fn a_pool_we_have_no_number_for_is_left_out_and_an_odd_one_is_an_error() {
        let body = |pool: &str, kind: &str, price: &str| PoolBody {
            pool_id: pool.into(),
            name: "x".into(),
            kind: kind.into(),
            free_slots: 0,
            card_vram_mb: 0,
            price_per_slot_hour: price.into(),
            security_level: None,
        };
        let read = |pool, kind, price| names().pool_from_wire(&body(pool, kind, price));
        assert_eq!(read("other", "odd", "much"), Ok(None));
        assert_eq!(read("standard", "odd", "1").unwrap_err().kind, ErrorKind::Protocol);
        assert_eq!(read("standard", "local", "much").unwrap_err().kind, ErrorKind::Protocol);
    }

    fn names() -> WireNames {
        WireNames::new(Names {
            pools: vec!["standard".into(), "premium".into()],
            models: vec!["qwen-30b".into()],
            ..Names::default()
        })
    }
}
