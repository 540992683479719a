//! Modules are named after an idea.

use syn::visit::{self, Visit};

use super::{
    none, one,
    workspace::{TextFile, text_files},
};

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "common", "helpers", "helper", "misc", "manager", "prelude"];

#[test]
fn every_module_is_named_after_an_idea() {
    none(&text_files().iter().flat_map(empty_names).collect::<Vec<_>>());
}

#[test]
fn an_empty_name_is_found_as_file_folder_and_inline_module() {
    for path in ["sim/src/utils.rs", "sim/src/utils/text.rs", "sim/tests/it/utils.rs"] {
        one(&empty_names(&TextFile::new(path, "")), &[path, "`utils`", "idea"]);
    }
    let inline = TextFile::new("sim/src/pool.rs", "mod inner { pub mod misc { } }");
    one(&empty_names(&inline), &["sim/src/pool.rs", "`misc`", "idea"]);
}

#[test]
fn a_mod_rs_is_found() {
    one(&empty_names(&TextFile::new("sim/src/pool/mod.rs", "")), &["pool/mod.rs", "`pool.rs`"]);
}

fn empty_names(file: &TextFile) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let stem = file.path.trim_end_matches(".rs");
    let mut names = Modules(stem.split('/').map(str::to_owned).collect());
    let folder = stem.strip_suffix("/mod").and_then(|folder| folder.rsplit('/').next());
    let mod_rs = folder.map(|folder| {
        format!("{}: name it `{folder}.rs`, so that it is told from others", file.path)
    });
    if let Ok(syntax) = syn::parse_file(&file.text) {
        names.visit_file(&syntax);
    }
    let empty = names.0.into_iter().filter(|name| EMPTY_NAMES.contains(&name.as_str()));
    let unnamed = empty.map(|name| {
        format!("{}: `{name}` says nothing: name the module after its idea", file.path)
    });
    mod_rs.into_iter().chain(unnamed).collect()
}

struct Modules(Vec<String>);

impl<'ast> Visit<'ast> for Modules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // A module of its own file is found by the file's path.
        if module.content.is_some() {
            self.0.push(module.ident.to_string());
        }
        visit::visit_item_mod(self, module);
    }
}
