use sim::config::RegionConfig;

use super::{Context, Known, control_plane, items, named, names::NameTable, read};
use crate::{document::Node, language::ScenarioSpec};

/// The regions of the scenario, or the one there is by default.
pub(super) fn lower(context: Context<'_>, spec: &ScenarioSpec, known: &Known) -> Vec<RegionConfig> {
    let Some(list) = spec.provider.get().and_then(|provider| provider.regions.as_ref()) else {
        return vec![RegionConfig {
            name: "default".to_owned(),
            control_plane: control_plane::lower(context, None, known),
        }];
    };
    if list.get().is_some_and(Vec::is_empty) {
        context.report.problem_with_help(
            list.at,
            "there are no regions",
            "leave the key out for one region with default settings",
        );
    }
    let region = |node: &Node<crate::language::RegionSpec>| {
        let region = node.get();
        RegionConfig {
            name: region.and_then(|region| region.name.get()).cloned().unwrap_or_default(),
            control_plane: control_plane::lower(
                context,
                region.and_then(|region| read(&region.control_plane)),
                known,
            ),
        }
    };
    items(Some(list)).iter().map(region).collect()
}

/// The names of the regions; those of pools are resolved against them.
pub(super) fn names(context: Context<'_>, spec: &ScenarioSpec) -> NameTable {
    let list = spec.provider.get().and_then(|provider| provider.regions.as_ref());
    let names = named(items(list), |region| &region.name);
    let mut table = NameTable::new(context.report, "region", "regions", names);
    if list.is_none() {
        table.push("default".to_owned());
    }
    table
}
