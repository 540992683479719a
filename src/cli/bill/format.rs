use clap::ValueEnum;
use platform::billing::{Bill, BillingConfig};
use reports::{Billed, ExportError, FocusVersion, Header, InvoiceFormat};
use scenarios::Scenario;

use crate::invoices::Told;

/// How a bill is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Format {
    /// For people: invoices line by line, and what is in the accounts.
    #[default]
    Table,
    /// Invoices and corrections as one page, for people and print.
    Html,
    /// A row per line of an invoice.
    Csv,
    /// Everything that is in an invoice, amounts as exact text.
    Json,
    /// A row per charge, as FOCUS 1.0 has it.
    #[value(name = "focus-1.0")]
    Focus1_0,
    /// The same as FOCUS 1.2 has it.
    #[value(name = "focus-1.2")]
    Focus1_2,
}

impl Format {
    /// A bill, or a part of it, as text.
    pub(super) fn text(
        self,
        header: &Header,
        (scenario, billing): (&Scenario, &BillingConfig),
        bill: &Bill,
        is_part: bool,
    ) -> Result<String, ExportError> {
        let names = &scenario.names;
        let regions = regions(scenario);
        let starts_at = scenario.starts_at;
        let billed = Billed { bill, billing, names, regions: &regions, starts_at, header };
        let mut text = Vec::new();
        match self {
            Self::Table if is_part => {
                return Ok(format!("{header}\n\n{}", Told::without_books(bill, names)));
            }
            Self::Table => return Ok(format!("{header}\n\n{}", Told::new(bill, names))),
            Self::Html => reports::write_invoices(&billed, InvoiceFormat::Html, &mut text)?,
            Self::Csv => reports::write_invoices(&billed, InvoiceFormat::Csv, &mut text)?,
            Self::Json => reports::write_invoices(&billed, InvoiceFormat::Json, &mut text)?,
            Self::Focus1_0 => reports::write_focus(&billed, FocusVersion::V1_0, &mut text)?,
            Self::Focus1_2 => reports::write_focus(&billed, FocusVersion::V1_2, &mut text)?,
        }
        Ok(String::from_utf8(text).expect("all of it is text"))
    }
}

/// Of each pool.
fn regions(scenario: &Scenario) -> Vec<String> {
    let provider = &scenario.provider;
    provider.pools.iter().map(|pool| provider.regions[pool.region].name.clone()).collect()
}
