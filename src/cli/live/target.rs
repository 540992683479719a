//! Where a live run goes: the command line, then the environment, then the configuration file.

use std::{env, path::Path};

use adapters::{ApiKey, gpuaas::GpuaasOptions};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use connector::Names;
use scenarios::{Dialect, Scenario};

use super::super::{Failure, key};
use crate::experiment::live::{GpuaasConfig, Target, TargetConfig, limits};

/// The dialects by name.
pub(super) fn dialects() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name)).map(|name| {
        let known = Dialect::ALL.into_iter().find(|dialect| dialect.name() == name);
        known.expect("only names of dialects are possible")
    })
}

/// What the command line says.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// Empty where `--live` comes without one.
    pub(super) url: &'a str,
    pub(super) dialect: Option<Dialect>,
    pub(super) config: Option<&'a Path>,
    pub(super) allow_plaintext_key: bool,
    pub(super) most_in_flight: usize,
}

impl Asked<'_> {
    pub(super) fn target(&self, scenario: &Scenario) -> Result<Target, Failure> {
        let config = self.config.map(TargetConfig::load).transpose()?.unwrap_or_default();
        let key_file = variable("HOSTED_AI_API_KEY_FILE").map(Into::into);
        let key_file = key_file.or(config.auth.key_file.clone()).map(ApiKey::InFile);
        let api_key = key::of_hosted_ai()?.map(ApiKey::Given).or(key_file);
        Ok(Target {
            base_url: self.base_url(config.base_url.clone())?,
            dialect: self.dialect.or(config.dialect).unwrap_or_default(),
            auth: config.auth.scheme(),
            api_key,
            openai_key: key::of_openai()?.map(ApiKey::Given),
            gpuaas: gpuaas(config.gpuaas.clone())?,
            ca_file: config.ca_file.clone(),
            allow_plaintext_key: self.allow_plaintext_key || config.allow_plaintext_key,
            names: names(scenario, &config)?,
            lease: config.lease,
            timeouts: config.timeouts,
            limits: config.limits.or(limits(self.most_in_flight)),
            most_in_flight: self.most_in_flight,
        })
    }

    fn base_url(&self, configured: Option<String>) -> Result<String, Failure> {
        let said = Some(self.url.to_owned()).filter(|url| !url.is_empty());
        said.or_else(|| variable("HOSTED_AI_BASE_URL")).or(configured).ok_or_else(|| {
            Failure::bad_input("--live without a URL, and HOSTED_AI_BASE_URL is not set")
                .with_help("give the endpoint: --live https://host")
        })
    }
}

/// The scenario's names, pools as the provider calls them.
fn names(scenario: &Scenario, config: &TargetConfig) -> Result<Names, Failure> {
    let mut names = scenario.names.clone();
    for (ours, theirs) in &config.pools {
        let Some(index) = scenario.names.pools.iter().position(|name| name == ours) else {
            let known = scenario.names.pools.join(", ");
            let words =
                format!("the configuration names pool `{ours}`, which the scenario has not");
            return Err(Failure::bad_input(words).with_help(format!("it has: {known}")));
        };
        names.pools[index].clone_from(theirs);
    }
    let Some(only) = variable("HOSTED_AI_POOL_ID") else { return Ok(names) };
    let common = (0..names.pools.len())
        .filter(|index| scenario.endpoints.get(*index).is_none_or(Option::is_none));
    match common.collect::<Vec<_>>()[..] {
        [index] => names.pools[index] = only,
        ref several => {
            let count = several.len();
            let words =
                format!("HOSTED_AI_POOL_ID names one pool, but {count} are at the endpoint");
            return Err(Failure::bad_input(words)
                .with_help("name each in the configuration file, below `[pools]`"));
        }
    }
    Ok(names)
}

/// What subscriptions are made with; `None` if no team is given. `HOSTED_AI_TEAM_ID` has one team, or
/// several with commas between them: each holds one share of a pool.
fn gpuaas(mut config: GpuaasConfig) -> Result<Option<GpuaasOptions>, Failure> {
    if let Some(teams) = variable("HOSTED_AI_TEAM_ID") {
        config.teams = teams.split(',').map(|team| team.trim().to_owned()).collect();
    }
    Ok(config.options(key::of_openai()?))
}

/// `None` without one, and an empty one is none.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
