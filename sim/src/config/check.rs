//! What a configuration may not say. The scenario language reports the same with file and line;
//! this is the last line of defence for configurations built in code.

use connector::{BasisPoints, ModelId};

use super::{
    ConfigError, Efficiency, KeptProgress, PoolConfig, ProviderConfig, RegionConfig, ServingConfig,
    StackEfficiency, Timing,
};
use crate::catalogue;

/// Shares on offer in one pool: what the tables are sized for.
const MOST_SLOTS: u64 = 10_000_000;
/// Rows of other tenants in one list.
const MOST_FOREIGN_ROWS: u32 = 10_000;
/// Iterations are counted in `f64`, which is exact far beyond this.
const LONGEST_ITERATION_NS: f64 = 1e15;

impl ProviderConfig {
    /// Refuses what cannot be simulated.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.regions.iter().try_for_each(check_region)?;
        for pool in &self.pools {
            self.check_pool(pool)?;
        }
        for (index, model) in self.models.iter().enumerate() {
            check_timing(ModelId(index as u32), &model.timing)?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check(index)?;
            if let Some(pool) = fault.pool.filter(|pool| pool.index() >= self.pools.len()) {
                return Err(ConfigError::NoSuchPool { index, pool, pools: self.pools.len() });
            }
        }
        Ok(())
    }

    fn check_pool(&self, pool: &PoolConfig) -> Result<(), ConfigError> {
        let name = || pool.name.clone();
        if pool.count == 0 {
            return Err(ConfigError::NoGpus { pool: name() });
        }
        let at_least_one = [
            (pool.sharing_ratio, "sharing_ratio"),
            (pool.serving.max_sequences, "max_sequences"),
            (pool.serving.token_budget, "token_budget"),
            (pool.serving.tensor_parallel, "tensor_parallel"),
        ];
        if let Some((_, what)) = at_least_one.into_iter().find(|(value, _)| *value == 0) {
            return Err(ConfigError::Zero { pool: name(), what });
        }
        check_blocks(pool)?;
        if pool.region >= self.regions.len() {
            let (region, regions) = (pool.region, self.regions.len());
            return Err(ConfigError::NoSuchRegion { pool: name(), region, regions });
        }
        let value = u64::from(pool.count) * u64::from(pool.sharing_ratio);
        if value > MOST_SLOTS {
            return Err(ConfigError::TooMany { what: "slots of a pool", value, limit: MOST_SLOTS });
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let bandwidths = [
            Some(pool.gpu.memory_bandwidth),
            Some(pool.gpu.link_bandwidth),
            pool.weight_load_bandwidth,
            checkpoint_bandwidth(pool),
        ];
        if bandwidths.into_iter().flatten().any(|value| !positive(value)) {
            return Err(ConfigError::Zero { pool: name(), what: "bandwidth" });
        }
        check_efficiency(pool)?;
        if let Some(autoscale) = &pool.autoscale {
            autoscale.check(pool, self.models.len())?;
        }
        pool.capacity.check(pool)?;
        super::price::check(pool)?;
        if pool.gpu.tflops_8bit.as_gflops().min(pool.gpu.tflops_16bit.as_gflops()) == 0 {
            return Err(ConfigError::Zero { pool: name(), what: "compute" });
        }
        Ok(())
    }
}

fn checkpoint_bandwidth(pool: &PoolConfig) -> Option<f64> {
    match pool.preemption?.requeue?.progress {
        KeptProgress::Checkpoint { bandwidth } => bandwidth,
        KeptProgress::Recompute => None,
    }
}

fn check_region(region: &RegionConfig) -> Result<(), ConfigError> {
    let plane = &region.control_plane;
    let of_calls = [
        (plane.failures.rate_limited, "rate limited"),
        (plane.failures.unavailable, "unavailable"),
        (plane.failures.timed_out, "timed out"),
    ];
    let mut rates: Vec<(BasisPoints, &str)> =
        vec![(plane.quirks.ghosts, "ghosts"), (plane.quirks.empty_200, "empty")];
    for (of_operations, what) in of_calls {
        rates.extend(of_operations.map(|rate| (rate, what)));
    }
    if let Some((rate, what)) = rates.into_iter().find(|(rate, _)| *rate > BasisPoints::ONE) {
        return Err(ConfigError::MoreThanAll { region: region.name.clone(), what, rate });
    }
    let rows = plane.quirks.foreign_rows;
    if rows > MOST_FOREIGN_ROWS {
        let (value, limit) = (rows.into(), MOST_FOREIGN_ROWS.into());
        return Err(ConfigError::TooMany { what: "foreign rows of a list", value, limit });
    }
    Ok(())
}

fn check_efficiency(pool: &PoolConfig) -> Result<(), ConfigError> {
    match pool.serving.efficiency {
        StackEfficiency::Datasheet => Ok(()),
        StackEfficiency::Stated(reached) => {
            let Efficiency { compute, memory, attention, kv_cache, link, .. } = reached;
            let shares = [
                (compute, "compute"),
                (memory, "memory"),
                (attention, "attention"),
                (kv_cache, "kv_cache"),
                (link, "link"),
            ];
            match shares.into_iter().find(|(share, _)| !(share.is_finite() && *share > 0.0)) {
                Some((_, what)) => Err(ConfigError::NoEfficiency { pool: pool.name.clone(), what }),
                None => Ok(()),
            }
        }
        StackEfficiency::Fitted(stack) => {
            if catalogue::stacks(&pool.gpu.name).any(|measured| measured == stack) {
                return Ok(());
            }
            let (pool, card) = (pool.name.clone(), pool.gpu.name.clone());
            Err(ConfigError::NoSuchStack { pool, stack, card })
        }
    }
}

fn check_blocks(pool: &PoolConfig) -> Result<(), ConfigError> {
    let ServingConfig { block_tokens, content_tokens, .. } = pool.serving;
    let whole = block_tokens.is_power_of_two()
        && block_tokens <= 1_024
        && content_tokens > 0
        && content_tokens.is_multiple_of(block_tokens);
    if whole {
        return Ok(());
    }
    Err(ConfigError::Blocks { pool: pool.name.clone(), block_tokens, content_tokens })
}

/// An iteration must take time, or the engine's clock would stand still at infinite speed.
fn check_timing(model: ModelId, timing: &Timing) -> Result<(), ConfigError> {
    let positive = |value: f64| value.is_finite() && value > 0.0 && value < LONGEST_ITERATION_NS;
    match timing {
        Timing::Roofline(shape) => {
            let figures = [
                (shape.parameters, "parameters"),
                (shape.active_parameters, "active parameters"),
                (shape.layer_parameters(), "active parameters beside the vocabulary's"),
                (f64::from(shape.weight_bits), "weight bits"),
            ];
            match figures.into_iter().find(|(value, _)| !positive(*value)) {
                Some((_, what)) => Err(ConfigError::NotPositive { model, what }),
                None => Ok(()),
            }
        }
        Timing::Linear(linear) => {
            let per_iteration = linear.base + linear.per_sequence;
            let extras = [linear.per_context_token_s, linear.weight_bytes];
            if !positive(per_iteration.as_nanos() as f64) {
                return Err(ConfigError::NotPositive { model, what: "base + per_sequence" });
            }
            if extras.into_iter().any(|value| !(value.is_finite() && value >= 0.0)) {
                return Err(ConfigError::NotPositive { model, what: "per_context_token" });
            }
            Ok(())
        }
    }
}
