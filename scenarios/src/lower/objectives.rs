use super::{Context, Known, items};
use connector::Objective;

use crate::{
    document::Node,
    language::ScenarioSpec,
    objective::{self, NamesOf},
};

/// What the run must achieve, in the order written.
pub(super) fn lower(context: Context<'_>, spec: &ScenarioSpec, known: &Known) -> Vec<Objective> {
    let names = NamesOf {
        pools: known.pools.names().collect(),
        models: known.models.names().collect(),
        tenants: known.tenants.names().collect(),
        classes: known.classes.names().collect(),
    };
    let objective = |node: &Node<String>| match objective::parse(node.get()?, &names) {
        Ok(objective) => Some(objective),
        Err(error) if error.of_a_name && !known.is_complete() => None,
        Err(error) => {
            context.report.add(node.at, error.message, error.help);
            None
        }
    };
    items(spec.objectives.as_ref()).iter().filter_map(objective).collect()
}
