use connector::{ModelId, PoolId, Tokens};
use platform::config::{ClassConfig, ClassifierConfig, ClassifyMethod, ModelClassifierConfig};

use crate::{
    language::{AskSpec, ClassifierSpec, ClassifyBySpec, PlatformSpec},
    lower::{
        Context, Known, above_zero,
        models::{self, Model},
        pools::Pool,
        read,
    },
};

/// How requests are put into these classes.
pub(super) fn lower(
    context: Context<'_>,
    platform: Option<&PlatformSpec>,
    classes: Vec<ClassConfig>,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> ClassifierConfig {
    let Some(spec) = platform.and_then(|spec| read(&spec.classifier)) else {
        return ClassifierConfig { classes, ..ClassifierConfig::default() };
    };
    let ClassifierSpec { by, ask } = spec;
    let method = read(by).map_or(ClassifyMethod::default(), |by| match by {
        ClassifyBySpec::Lengths => ClassifyMethod::Lengths,
        ClassifyBySpec::Rules => ClassifyMethod::Rules,
        ClassifyBySpec::Trained => ClassifyMethod::Trained,
    });
    let model = read(ask).and_then(|ask| asked(context, ask, known, pools, models));
    ClassifierConfig { classes, method, model }
}

fn asked(
    context: Context<'_>,
    spec: &AskSpec,
    known: &Known,
    pools: &[Pool],
    models: &[Option<Model>],
) -> Option<ModelClassifierConfig> {
    let model = known.models.find(context.report, &spec.model);
    let pool = known.pools.find(context.report, &spec.pool);
    let (model, pool) = (model?, pool?);
    let (terms, place) = (&models[model].as_ref()?.terms, &pools[pool]);
    if place.has_card && !models::fits(terms.requirements, &place.config) {
        context.report.problem_with_help(
            spec.pool.at,
            format!("GPUs of pool `{}` have no room for model `{}`", place.config.name, terms.name),
            "choose a pool with larger GPUs, or ask a smaller model",
        );
    }
    let default = ModelClassifierConfig::new(ModelId(model as u32), PoolId(pool as u32));
    Some(ModelClassifierConfig {
        timeout: above_zero(context, spec.timeout.as_ref(), "the classifier", default.timeout),
        prompt_tokens: read(&spec.prompt_tokens)
            .map_or(default.prompt_tokens, |count| Tokens::new(count.small())),
        ..default
    })
}
