use minijinja::{Environment, UndefinedBehavior, context, value::Serde};

use super::sheet::Sheet;
use crate::Header;

/// Named `.html`, which has every value in it escaped.
const NAME: &str = "invoices.html";

/// All documents in one page.
pub(super) fn page(sheet: &Sheet<'_>, header: &Header) -> String {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let rendered = templates.template_from_named_str(NAME, include_str!("invoices.html")).and_then(
        |template| {
            template.render(context! { sheet => Serde(sheet), made_by => header.to_string() })
        },
    );
    rendered.expect("a template that is part of the program, and a sheet that is text")
}
