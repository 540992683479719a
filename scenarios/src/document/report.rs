use std::cell::RefCell;

use super::{Document, NodeId};
use crate::{Diagnostics, Problem};

/// Collects problems while a document is read, so that all of them are told at once.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    document: &'a Document,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Report<'a> {
    /// Nothing is wrong yet.
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { document, problems: RefCell::default() }
    }

    /// The document that is read.
    pub(crate) fn document(&self) -> &'a Document {
        self.document
    }

    /// Something is wrong at a node.
    pub(crate) fn problem(&self, at: NodeId, message: impl Into<String>) {
        self.add(at, message.into(), None);
    }

    /// Something is wrong at a node, and this is the way out.
    pub(crate) fn problem_with_help(
        &self,
        at: NodeId,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(at, message.into(), Some(help.into()));
    }

    /// Something is wrong at a node, and there may be a way out.
    pub(crate) fn add(&self, at: NodeId, message: String, help: Option<String>) {
        let problem = self.document.problem(at, message, help);
        self.problems.borrow_mut().push(problem);
    }

    /// Whether anything was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All that was wrong.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        Diagnostics::new(self.problems.into_inner())
    }
}

impl Document {
    /// A problem at a node.
    pub(super) fn problem(&self, at: NodeId, message: String, help: Option<String>) -> Problem {
        let place = &self.entry(at).place;
        Problem {
            message,
            help,
            key: self.path(at),
            position: Some(place.position),
            source: place.source.clone(),
        }
    }
}
