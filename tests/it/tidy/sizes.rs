//! Files of one idea, functions that fit on a screen.

use syn::visit::{self, Visit};

use super::{
    none, one,
    workspace::{TextFile, text_files},
};

const MOST_LINES_OF_A_FILE: usize = 600;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

#[test]
fn no_file_is_longer_than_600_lines() {
    none(&long_files(text_files()));
}

#[test]
fn no_function_is_longer_than_70_lines() {
    none(&text_files().iter().flat_map(long_functions).collect::<Vec<_>>());
}

#[test]
fn a_file_of_601_lines_is_found() {
    let file = |lines: usize| [TextFile::new("sim/src/pool.rs", &"//\n".repeat(lines))];
    none(&long_files(&file(600)));
    one(&long_files(&file(601)), &["sim/src/pool.rs", "601 lines", "split"]);
}

#[test]
fn a_function_of_71_lines_is_found_wherever_it_stands() {
    for around in ["FN", "impl Pool { FN }", "trait Pool { FN }", "mod inner { FN }"] {
        let file = |statements: usize| {
            let function =
                format!("\n/// Docs.\nfn long() {{\n{}}}\n", "step();\n".repeat(statements));
            TextFile::new("sim/src/pool.rs", &around.replace("FN", &function))
        };
        none(&long_functions(&file(68)));
        one(&long_functions(&file(69)), &["sim/src/pool.rs:3", "`long`", "71 lines", "split"]);
    }
}

#[test]
fn a_file_that_is_not_rust_is_found() {
    one(&long_functions(&TextFile::new("src/lib.rs", "fn (")), &["src/lib.rs", "parse"]);
}

fn long_files(files: &[TextFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .map(|file| (&file.path, file.text.lines().count()))
        .filter(|&(_, lines)| lines > MOST_LINES_OF_A_FILE)
        .map(|(path, lines)| {
            format!(
                "{path}: {lines} lines, more than {MOST_LINES_OF_A_FILE}: split it by idea into \
                 `foo.rs` and `foo/`"
            )
        })
        .collect()
}

fn long_functions(file: &TextFile) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut functions = Functions { path: &file.path, offences: Vec::new() };
    match syn::parse_file(&file.text) {
        Ok(syntax) => functions.visit_file(&syntax),
        Err(error) => functions
            .offences
            .push(format!("{}: does not parse: {error}: `cargo check` says more", file.path)),
    }
    functions.offences
}

struct Functions<'a> {
    path: &'a str,
    offences: Vec<String>,
}

impl Functions<'_> {
    /// Counts from `fn` to the closing brace: attributes and docs cost nothing.
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        let lines = last - first + 1;
        if lines > MOST_LINES_OF_A_FUNCTION {
            self.offences.push(format!(
                "{}:{first}: function `{}` has {lines} lines, more than \
                 {MOST_LINES_OF_A_FUNCTION}: split off its straight parts",
                self.path, signature.ident
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
