//! COLD: reading a TOML document key by key, remembering where everything stood.
//!
//! A [`Section`] is one table. Asking it for a key is what makes the key known; [`Section::finish`] then reports
//! every key nobody asked for. A problem is noted and reading goes on, so that one run finds them all.

use core::cell::RefCell;
use core::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problems::{Fault, Problem, nearest};
use super::{Note, value};

/// The value of a key as parsers see it.
pub(super) type Value<'t> = DeValue<'t>;

/// The document being read and what was found wrong so far.
pub(super) struct Walk<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    notes: RefCell<Vec<Note>>,
}

impl<'t> Walk<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, problems: RefCell::default(), notes: RefCell::default() }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }

    pub(super) fn report(&self, offset: usize, key: String, value: Option<String>, fault: Fault) {
        self.problems.borrow_mut().push(Problem { line: self.line(offset), key, value, fault });
    }

    pub(super) fn note(&self, offset: usize, key: String, text: impl Into<String>) {
        self.notes.borrow_mut().push(Note { line: self.line(offset), key, text: text.into() });
    }

    /// The value as it was typed, shortened to something that fits a message.
    fn snippet(&self, span: &Range<usize>) -> Option<String> {
        let typed = self.text.get(span.clone())?.lines().next()?.trim();
        let short: String = typed.chars().take(40).collect();
        Some(if short.len() < typed.len() { format!("{short}…") } else { short })
    }

    pub(super) fn into_findings(self) -> (Vec<Problem>, Vec<Note>) {
        (self.problems.into_inner(), self.notes.into_inner())
    }
}

/// One table of the document, or the absence of one: then every key of it is absent too.
pub(super) struct Section<'w, 't> {
    walk: &'w Walk<'t>,
    path: String,
    offset: usize,
    table: Option<&'w DeTable<'t>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'w, 't> Section<'w, 't> {
    pub(super) fn root(walk: &'w Walk<'t>, table: &'w DeTable<'t>) -> Self {
        Self { walk, path: String::new(), offset: 0, table: Some(table), asked: RefCell::default() }
    }

    /// The path of a key in here, as messages show it.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The line this table starts in.
    pub(super) fn line(&self) -> usize {
        self.walk.line(self.offset)
    }

    fn entry(&self, key: &'static str) -> Option<(Range<usize>, &'w Value<'t>)> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        let value = self.table?.get(key)?;
        Some((value.span(), value.get_ref()))
    }

    /// Where `key` stands, or the table when it is absent.
    pub(super) fn offset(&self, key: &'static str) -> usize {
        self.entry(key).map_or(self.offset, |(span, _)| span.start)
    }

    /// Whether `key` was written.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.entry(key).is_some()
    }

    /// Notes a problem with `key`.
    pub(super) fn report(&self, key: &'static str, fault: Fault) {
        let value = self.entry(key).and_then(|(span, _)| self.walk.snippet(&span));
        self.walk.report(self.offset(key), self.path(key), value, fault);
    }

    /// Notes a problem with the table itself.
    pub(super) fn report_here(&self, fault: Fault) {
        self.walk.report(self.offset, self.path.clone(), None, fault);
    }

    /// Notes something worth knowing about the table itself.
    pub(super) fn note_here(&self, text: impl Into<String>) {
        self.walk.note(self.offset, self.path.clone(), text);
    }

    /// Notes something worth knowing about `key` that is no problem.
    pub(super) fn note(&self, key: &'static str, text: impl Into<String>) {
        self.walk.note(self.offset(key), self.path(key), text);
    }

    /// The parsed value of `key`; `None` when absent, or wrong and reported.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&Value<'t>) -> Result<T, Fault>,
    ) -> Option<T> {
        let (_, value) = self.entry(key)?;
        parse(value).map_err(|fault| self.report(key, fault)).ok()
    }

    /// The parsed value of `key`, or `default` when absent (or wrong, and reported).
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&Value<'t>) -> Result<T, Fault>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// The parsed value of `key`; absence is a problem with this remedy.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        remedy: &'static str,
        parse: impl FnOnce(&Value<'t>) -> Result<T, Fault>,
    ) -> Option<T> {
        if !self.has(key) {
            self.report(key, Fault::Missing { remedy });
        }
        self.optional(key, parse)
    }

    /// The table under `key`; an absent one reads as empty.
    pub(super) fn table(&self, key: &'static str) -> Section<'w, 't> {
        let table = match self.entry(key) {
            Some((_, DeValue::Table(table))) => Some(table),
            Some((_, other)) => {
                self.report(key, Fault::WrongType { found: value::type_of(other), expected: "a table" });
                None
            }
            None => None,
        };
        Section { table, ..self.absent(key) }
    }

    /// The table under `key`, or `None` where `word` is written in its place.
    pub(super) fn table_unless(&self, key: &'static str, word: &'static str) -> Option<Section<'w, 't>> {
        let typed = self.peek(key, |value| value.as_str().map(str::to_owned));
        match typed {
            Some(typed) if typed == word => None,
            Some(typed) => {
                let allowed = format!("\"{word}\" or a table");
                self.report(key, Fault::UnknownWord { nearest: nearest(&typed, [word]), allowed });
                Some(self.absent(key))
            }
            None => Some(self.table(key)),
        }
    }

    /// As if nothing had been written under `key`.
    fn absent(&self, key: &'static str) -> Section<'w, 't> {
        Section {
            walk: self.walk,
            path: self.path(key),
            offset: self.offset(key),
            table: None,
            asked: RefCell::default(),
        }
    }

    /// The tables of the array `key`, each labelled by what its key `label` says.
    pub(super) fn tables(&self, key: &'static str, label: &'static str) -> Vec<Section<'w, 't>> {
        const EXPECTED: &str = "an array of tables, [[…]]";
        let rows = match self.entry(key) {
            Some((_, DeValue::Array(rows))) => rows,
            Some((_, other)) => {
                self.report(key, Fault::WrongType { found: value::type_of(other), expected: EXPECTED });
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut sections = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let DeValue::Table(table) = row.get_ref() else {
                let found = value::type_of(row.get_ref());
                let path = format!("{}[{}]", self.path(key), index + 1);
                self.walk.report(
                    row.span().start,
                    path,
                    None,
                    Fault::WrongType { found, expected: EXPECTED },
                );
                continue;
            };
            let named = table.get(label).and_then(|value| value.get_ref().as_str());
            let path = match named {
                Some(name) => format!("{}[{name}]", self.path(key)),
                None => format!("{}[{}]", self.path(key), index + 1),
            };
            let offset = row.span().start;
            sections.push(Section {
                walk: self.walk,
                path,
                offset,
                table: Some(table),
                asked: RefCell::default(),
            });
        }
        sections
    }

    /// What `look` makes of `key`, without a problem if it makes nothing of it.
    pub(super) fn peek<T>(&self, key: &'static str, look: impl FnOnce(&Value<'t>) -> Option<T>) -> Option<T> {
        self.entry(key).and_then(|(_, value)| look(value))
    }

    /// Reports every key nobody asked for; nothing can be asked afterwards.
    pub(super) fn finish(self) {
        self.unknown_keys();
    }

    /// As [`Section::finish`], for a section that is still needed as a place for later problems.
    pub(super) fn unknown_keys(&self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for (key, value) in table.iter() {
            let word: &str = key.get_ref();
            if asked.contains(&word) {
                continue;
            }
            let fault =
                Fault::UnknownKey { nearest: nearest(word, asked.iter().copied()), known: asked.join(", ") };
            let path = if self.path.is_empty() { word.to_owned() } else { format!("{}.{word}", self.path) };
            self.walk.report(key.span().start, path, self.walk.snippet(&value.span()), fault);
        }
    }
}
