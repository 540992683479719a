//! Which candidates a class or a model has, in order of preference.

use connector::{CableId, ModelId};

use super::{
    CANDIDATES_MAX,
    choice::{Choice, List},
};
use crate::config::{Candidate, PlatformConfig, RouterConfig};

/// One list per class, then one per model for requests that insist on one, then one per model with
/// every pool whose cards it fits.
pub(super) fn all(config: &PlatformConfig) -> Vec<List> {
    let classes = (0..config.classifier.classes.len()).map(|class| of_class(config, class));
    let models = (0..config.models.len()).map(|model| of_model(config, ModelId(model as u32)));
    let everywhere = (0..config.models.len()).map(|model| {
        let mut list = fitting(config, ModelId(model as u32));
        list.truncate(CANDIDATES_MAX);
        list
    });
    let lists = classes.chain(models).chain(everywhere).enumerate();
    let ceiling = config.fallback.cost_ceiling;
    lists.map(|(number, list)| List::new(number, choices(config, &list), ceiling)).collect()
}

/// The candidates of a class.
pub(super) fn of_class(config: &PlatformConfig, class: usize) -> Vec<(ModelId, CableId)> {
    if let RouterConfig::Static(lists) = &config.router {
        return lists[class].iter().filter_map(|one| on_cable(config, *one)).collect();
    }
    let models = config.classifier.classes[class].models.iter();
    models.flat_map(|&model| fitting(config, model)).collect()
}

/// The candidates of a model that a request insists on: those that the static lists name, in the
/// order of classes, or else every pool whose cards it fits.
fn of_model(config: &PlatformConfig, model: ModelId) -> Vec<(ModelId, CableId)> {
    let mut named = Vec::new();
    if let RouterConfig::Static(lists) = &config.router {
        for candidate in lists.iter().flatten().filter(|candidate| candidate.model == model) {
            let choice = on_cable(config, *candidate);
            named.extend(choice.filter(|choice| !named.contains(choice)));
        }
    }
    if named.is_empty() { fitting(config, model) } else { named }
}

/// The pools whose cards have room for a model: those of the model's own kind first.
fn fitting(config: &PlatformConfig, model: ModelId) -> Vec<(ModelId, CableId)> {
    let terms = &config.models[model.index()];
    let fits = |&index: &usize| config.cables[index].card_vram >= terms.requirements.vram;
    let mut cables: Vec<usize> = (0..config.cables.len()).filter(fits).collect();
    cables.sort_by_key(|&index| config.cables[index].kind != terms.pool_kind);
    cables.into_iter().map(|index| (model, CableId(index as u32))).collect()
}

fn on_cable(config: &PlatformConfig, candidate: Candidate) -> Option<(ModelId, CableId)> {
    let cable = config.cables.iter().position(|cable| cable.pool == candidate.pool)?;
    Some((candidate.model, CableId(cable as u32)))
}

/// Local ones last.
fn choices(config: &PlatformConfig, list: &[(ModelId, CableId)]) -> Vec<Choice> {
    let mut choices: Vec<Choice> =
        list.iter().map(|&(model, cable)| Choice::new(config, model, cable)).collect();
    choices.sort_by_key(Choice::is_local);
    choices
}
