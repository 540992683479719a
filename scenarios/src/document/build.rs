//! YAML events to a tree.

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{Document, Entry, Kind, NodeId, Place, Scalar};
use crate::{
    Diagnostics, Problem,
    diagnostics::{Source, SourcePosition},
};

/// Largest scenario, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Most nodes of a document, keys included.
const MAX_NODES: usize = 100_000;
/// Deepest nesting; the language itself needs nine levels.
const MAX_DEPTH: usize = 32;

impl Document {
    /// Reads a whole text.
    ///
    /// # Errors
    /// Where the text is no YAML, all duplicate keys, or the first bound that it exceeds.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
        let mut document = Self { entries: Vec::new(), root: NodeId(0) };
        document.root = document.graft(&source, 0)?;
        Ok(document)
    }

    /// Adds the text of `source` from byte `start` on as a tree of its own and returns its root.
    pub(super) fn graft(
        &mut self,
        source: &Arc<Source>,
        start: usize,
    ) -> Result<NodeId, Diagnostics> {
        let mut builder = Builder {
            document: self,
            offsets: Offsets::new(&source.text, start),
            source,
            parser: Parser::new_from_str(&source.text[start..]),
            problems: Vec::new(),
        };
        let root = builder.document_root();
        let problems = builder.problems;
        match root {
            Ok(root) if problems.is_empty() => Ok(root),
            Ok(_) => Err(Diagnostics::new(problems)),
            Err(problem) => Err(Diagnostics::new(problems.into_iter().chain([problem]).collect())),
        }
    }

    pub(super) fn push(&mut self, kind: Kind, place: Place) -> NodeId {
        let id = NodeId(self.entries.len() as u32);
        self.entries.push(Entry { kind, place });
        id
    }
}

struct Builder<'a> {
    document: &'a mut Document,
    source: &'a Arc<Source>,
    offsets: Offsets<'a>,
    parser: Parser<'a, StrInput<'a>>,
    problems: Vec<Problem>,
}

type Built<T> = Result<T, Problem>;

impl<'a> Builder<'a> {
    fn document_root(&mut self) -> Built<NodeId> {
        if self.source.text.len() > MAX_BYTES {
            let size = self.source.text.len();
            let message =
                format!("the text has {size} bytes, but a scenario has at most {MAX_BYTES}");
            return Err(self.problem(Span::default(), message, None));
        }
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Ok(self.scalar(String::new(), true, span));
                }
                other => {
                    let root = self.node(other, span, 0)?;
                    self.end_of_document()?;
                    return Ok(root);
                }
            }
        }
    }

    fn end_of_document(&mut self) -> Built<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), span) => {
                    let message = "a second document begins here, but a file holds one scenario";
                    return Err(self.problem(span, message.to_owned(), None));
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Built<NodeId> {
        self.check_bounds(&event, span, depth)?;
        match event {
            Event::Scalar(text, style, _, _) => {
                Ok(self.scalar(text.into_owned(), style == ScalarStyle::Plain, span))
            }
            Event::SequenceStart(..) => self.sequence(span, depth),
            Event::MappingStart(..) => self.mapping(span, depth),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::SequenceEnd
            | Event::MappingEnd => {
                Err(self.problem(span, "a value was expected here".to_owned(), None))
            }
        }
    }

    fn check_bounds(&self, event: &Event<'_>, span: Span, depth: usize) -> Built<()> {
        let (anchor, tagged) = match event {
            Event::Alias(anchor) => (*anchor, false),
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => (0, false),
        };
        let message = if anchor != 0 {
            "anchors and aliases are not part of the scenario language".to_owned()
        } else if tagged {
            "tags are not part of the scenario language".to_owned()
        } else if depth > MAX_DEPTH {
            format!("nested deeper than {MAX_DEPTH} levels")
        } else if self.document.entries.len() >= MAX_NODES {
            format!("more than {MAX_NODES} values")
        } else {
            return Ok(());
        };
        let quote = "write the value out, and put text with a leading `*`, `&` or `!` in quotes";
        let help = (anchor != 0 || tagged).then(|| quote.to_owned());
        Err(self.problem(span, message, help))
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Built<NodeId> {
        let place = self.place(start);
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(self.document.push(Kind::Sequence(items), place));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Built<NodeId> {
        let place = self.place(start);
        let mut pairs = Vec::new();
        let mut first: BTreeMap<String, NodeId> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(self.document.push(Kind::Mapping(pairs), place));
            }
            let key = self.node(event, span, depth + 1)?;
            let Some(text) = self.document.text(key) else {
                return Err(self.problem(span, "a key must be plain text".to_owned(), None));
            };
            if let Some(&first) = first.get(text) {
                let message = format!("the key `{}` is given twice", super::shorten(text));
                let help = format!("it is first given on line {}", self.document.line(first));
                self.problems.push(self.problem(span, message, Some(help)));
            } else {
                first.insert(text.to_owned(), key);
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            pairs.push((key, value));
        }
    }

    fn scalar(&mut self, text: String, plain: bool, span: Span) -> NodeId {
        let place = self.place(span);
        self.document.push(Kind::Scalar(Scalar { text, plain }), place)
    }

    fn next(&mut self) -> Built<(Event<'a>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let span = Span::empty(*error.marker());
        self.problem(span, format!("not valid YAML: {}", error.info()), None)
    }

    fn problem(&self, span: Span, message: String, help: Option<String>) -> Problem {
        let Place { source, position } = self.place(span);
        Problem { message, help, key: String::new(), position: Some(position), source }
    }

    fn place(&self, span: Span) -> Place {
        Place { source: self.source.clone(), position: self.offsets.position(span) }
    }
}

/// The parser counts characters from where it began; editors and excerpts count bytes of the whole.
struct Offsets<'a> {
    text: &'a str,
    start: usize,
    /// Byte of every character from `start` on, only where characters are not bytes.
    bytes: Option<Vec<usize>>,
    /// The place looked up last, and its column. Places come in the order of the text, so counting
    /// on from there keeps a text of one long line from taking quadratic time.
    recent: Cell<(usize, usize)>,
}

impl<'a> Offsets<'a> {
    fn new(text: &'a str, start: usize) -> Self {
        let parsed = &text[start..];
        let bytes =
            (!parsed.is_ascii()).then(|| parsed.char_indices().map(|(byte, _)| byte).collect());
        Self { text, start, bytes, recent: Cell::new((0, 1)) }
    }

    fn byte(&self, character: usize) -> usize {
        let parsed = self.text.len() - self.start;
        let byte = match &self.bytes {
            None => character.min(parsed),
            Some(bytes) => bytes.get(character).copied().unwrap_or(parsed),
        };
        self.start + byte
    }

    fn position(&self, span: Span) -> SourcePosition {
        let (offset, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        let first_line = self.text[offset..end.max(offset)].lines().next().unwrap_or_default();
        SourcePosition {
            line: self.line(span.start, offset),
            column: self.column(offset),
            offset,
            length: first_line.trim_end().len(),
        }
    }

    /// The parser ends every text with a line break of its own; people look for the last line.
    fn line(&self, marker: Marker, offset: usize) -> usize {
        let last = if offset == self.text.len() { self.text.lines().count() } else { usize::MAX };
        marker.line().min(last).max(1)
    }

    fn column(&self, offset: usize) -> usize {
        let (known, column) = self.recent.get();
        let (from, column) = if known <= offset { (known, column) } else { (0, 1) };
        let between = &self.text[from..offset];
        let column = match between.rsplit_once('\n') {
            Some((_, line)) => line.chars().count() + 1,
            None => column + between.chars().count(),
        };
        self.recent.set((offset, column));
        column
    }
}
