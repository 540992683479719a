use std::cell::{Cell, RefCell};

use super::{Document, NodeId};
use crate::{Diagnostics, Problem, diagnostics::MOST_PROBLEMS};

/// Collects problems while a document is read, so that all of them are told at once.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    document: &'a Document,
    problems: RefCell<Vec<Problem>>,
    /// Problems beyond [`MOST_PROBLEMS`], which are only counted.
    more: Cell<usize>,
}

impl<'a> Report<'a> {
    /// Nothing is wrong yet.
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { document, problems: RefCell::default(), more: Cell::new(0) }
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
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MOST_PROBLEMS {
            problems.push(self.document.problem(at, message, help));
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// Whether anything was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All that was wrong.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        Diagnostics::new(self.problems.into_inner()).and_more(self.more.get())
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
