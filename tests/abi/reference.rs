//! COLD: docs/events.md says what the code says: every kind, where each field sits, every number and reason.
//!
//! The rows are rendered from the table of events itself, as the source has it, and from `Event::KINDS` and
//! `Reason::ALL`. Columns behind the rendered ones are the author's.

use tripline::model::event::FIRST_SIDECAR_KIND;
use tripline::model::{Event, Reason};

use super::header;
use super::toolchain::read;

const DOCUMENT: &str = "docs/events.md";

/// A field of an event as the table in `src/model/event.rs` has it.
#[derive(Debug)]
struct Field {
    name: String,
    ty: String,
    word: usize,
    bit: u32,
}

/// A kind that a strategy may publish.
#[derive(Debug)]
struct Kind {
    number: u8,
    name: String,
    fields: Vec<Field>,
}

fn kinds() -> Vec<Kind> {
    let source = read("src/model/event.rs");
    let table = source.split_once("macro_rules! event_table").expect("the table of events").1;
    let is_row = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    let rows =
        table.lines().map(str::trim).take_while(|line| *line != "pub(crate) use event_table;").filter(is_row);
    let kinds: Vec<Kind> = rows.map(kind).collect();
    let names: Vec<(u8, &str)> = kinds.iter().map(|kind| (kind.number, kind.name.as_str())).collect();
    assert_eq!(names, Event::KINDS, "the rows of event_table! are no longer read completely");
    kinds.into_iter().filter(|kind| kind.number < FIRST_SIDECAR_KIND).collect()
}

/// `5 DEPLOY Deploy { id: u64 = 0 @ 0 }`
fn kind(row: &str) -> Kind {
    let (head, body) = row.split_once('{').expect("a row has fields");
    let mut head = head.split(' ');
    let (number, name) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
    let fields = body.trim_end_matches('}').split(", ").map(|field| {
        let (name, rest) = field.trim().split_once(": ").expect("a field has a type");
        let (ty, place) = rest.split_once(" = ").expect("a field has a place");
        let (word, bit) = place.split_once(" @ ").expect("a place is a word and a bit");
        let (word, bit) = (word.trim().parse().expect("a word"), bit.trim().parse().expect("a bit"));
        Field { name: name.to_owned(), ty: ty.to_owned(), word, bit }
    });
    Kind { number: number.parse().expect("a number"), name: name.to_owned(), fields: fields.collect() }
}

/// A vocabulary of `numbered!` in `src/model/event.rs`.
#[derive(Debug)]
struct Vocabulary {
    name: String,
    bits: u32,
    members: Vec<(u32, String)>,
}

fn vocabularies() -> Vec<Vocabulary> {
    let source = read("src/model/event.rs");
    let blocks = source.split("\nnumbered! {").skip(1).map(|block| {
        let code: String = block.lines().filter(|line| !line.trim().starts_with("///")).collect();
        let (head, rest) = code.split_once('{').expect("a vocabulary has members");
        let (name, repr) = head.split_once(':').expect("a vocabulary has a width");
        let (body, _) = rest.split_once('}').expect("the members end");
        let members = body.split(',').filter_map(|member| member.split_once('='));
        let members =
            members.map(|(name, number)| (number.trim().parse().expect("a number"), upper(name.trim())));
        Vocabulary { name: name.trim().to_owned(), bits: width(repr.trim()), members: members.collect() }
    });
    blocks.collect()
}

/// `HeartbeatClass` as `HEARTBEAT_CLASS`.
fn upper(name: &str) -> String {
    let parts = name.char_indices().map(|(at, letter)| match letter {
        'A'..='Z' if at > 0 => format!("_{letter}"),
        letter => letter.to_ascii_uppercase().to_string(),
    });
    parts.collect()
}

fn in_words(name: &str) -> String {
    upper(name).to_lowercase().replace('_', " ")
}

fn width(integer: &str) -> u32 {
    integer[1..]
        .parse()
        .unwrap_or_else(|_| panic!("a width for `{integer}`: add it to tests/abi/reference.rs"))
}

/// Bits of a field, and what kind of number it holds.
fn described(ty: &str, vocabularies: &[Vocabulary]) -> (u32, String) {
    let known = vocabularies.iter().find(|vocabulary| vocabulary.name == ty);
    let (bits, what) = match ty {
        _ if known.is_some() => (known.map_or(0, |known| known.bits), in_words(ty)),
        "OrderId" => (64, "not 0".to_owned()),
        "Ticks" => (64, "price".to_owned()),
        "Lots" => (64, "quantity".to_owned()),
        "Option<Ticks>" => (64, "price if flag".to_owned()),
        "Option<Lots>" => (64, "quantity if flag".to_owned()),
        "Money" => (128, "1e-9, signed".to_owned()),
        "OrderAttrs" => (64, "attributes".to_owned()),
        "Bps" => (32, "basis points".to_owned()),
        "[u64; 4]" => (256, "bytes".to_owned()),
        signed if signed.starts_with('i') => (width(signed), "signed".to_owned()),
        unsigned => (width(unsigned), String::new()),
    };
    (bits, what)
}

/// What stands in a payload word: each field, its bits unless it has the word to itself, and what it holds.
fn cell(kind: &Kind, word: usize, vocabularies: &[Vocabulary]) -> String {
    let mut parts = Vec::new();
    for field in &kind.fields {
        let (bits, what) = described(&field.ty, vocabularies);
        let words = bits.div_ceil(64) as usize;
        if !(field.word..field.word + words).contains(&word) {
            continue;
        }
        let is_time = field.name == "t_venue" || field.name.ends_with("_utc_ns");
        let place = match (words, word - field.word) {
            (1, _) if bits < 64 => format!(" {}–{}", field.bit, field.bit + bits - 1),
            (1, _) => String::new(),
            (2, 0) => " low".to_owned(),
            (2, _) => " high".to_owned(),
            (_, part) => format!(" {}–{}", 8 * part, 8 * part + 7),
        };
        let what = match what.as_str() {
            _ if is_time => " UTC ns".to_owned(),
            what if what.is_empty() || what == field.name => String::new(),
            what if what.ends_with("if flag") => format!(" {what} {word}"),
            what => format!(" {what}"),
        };
        parts.push(format!("`{}`{place}{what}", field.name));
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}

fn event_rows() -> Vec<String> {
    let vocabularies = vocabularies();
    let row = |kind: &Kind| {
        let cells: Vec<String> = (0..5).map(|word| cell(kind, word, &vocabularies)).collect();
        format!("| {} | `{}` | {} |", kind.number, kind.name, cells.join(" | "))
    };
    kinds().iter().map(row).collect()
}

fn number_rows() -> Vec<String> {
    let kinds = kinds();
    let used = |vocabulary: &Vocabulary| {
        let attributes = ["OrderType", "TimeInForce", "Intent"].contains(&vocabulary.name.as_str());
        attributes || kinds.iter().flat_map(|kind| &kind.fields).any(|field| field.ty == vocabulary.name)
    };
    let row = |vocabulary: Vocabulary| {
        let members: Vec<String> =
            vocabulary.members.iter().map(|(number, name)| format!("{number} {name}")).collect();
        format!("| {} | {} |", in_words(&vocabulary.name), members.join(", "))
    };
    vocabularies().into_iter().filter(used).map(row).collect()
}

/// Number, name and meaning of each reason.
fn reasons() -> Vec<(u16, String, String)> {
    let source = read("src/model/reason.rs");
    let mut meaning = "";
    let mut rows = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            meaning = text;
        } else if let Some((number, rest)) = line.split_once(" \"")
            && let (Ok(number), Some((name, _))) = (number.parse::<u16>(), rest.split_once('"'))
        {
            rows.push((number, name.to_owned(), meaning.to_owned()));
        }
    }
    let read: Vec<(u16, &str)> = rows.iter().map(|(number, name, _)| (*number, name.as_str())).collect();
    let all: Vec<(u16, &str)> = Reason::ALL.iter().map(|&reason| (reason as u16, reason.as_str())).collect();
    assert_eq!(read, all, "the rows of reasons! are no longer read completely");
    rows
}

fn reason_rows() -> Vec<String> {
    let row = |(number, name, meaning)| format!("| {number} | `{name}` | {meaning} |");
    reasons().into_iter().map(row).collect()
}

fn message_rows() -> Vec<String> {
    let message =
        header::structs().into_iter().find(|found| found.name == "tripline_message").expect("messages");
    message.members.iter().map(|member| format!("| `{member}` |")).collect()
}

/// The rows of the tables in a chapter of the document, without their heads.
fn documented(chapter: &str) -> Vec<String> {
    let text = read(DOCUMENT);
    let mut is_inside = false;
    let mut is_row = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            is_inside = name == chapter;
        }
        is_row = line.starts_with('|') && (is_row || line.starts_with("|---"));
        if is_inside && is_row && !line.starts_with("|---") {
            rows.push(line.to_owned());
        }
    }
    rows
}

/// Compares a chapter's rows with the rendered ones, which must be how the documented ones begin; what follows, the
/// author's columns, must not be empty.
fn compare(chapter: &str, rendered: &[String]) {
    let documented = documented(chapter);
    let matches = |(row, rendered): (&String, &String)| {
        row.strip_prefix(rendered.as_str())
            .is_some_and(|rest| !rest.split('|').rev().skip(1).any(|cell| cell.trim().is_empty()))
    };
    let first = documented.iter().zip(rendered).position(|pair| !matches(pair));
    let first =
        first.or_else(|| (documented.len() != rendered.len()).then(|| documented.len().min(rendered.len())));
    let Some(at) = first else { return };
    let nothing = "nothing".to_owned();
    panic!(
        "{DOCUMENT}, chapter \"{chapter}\", row {}:\n  is      {}\n  must be {}\n\
         Remedy: bring the row in step with src/model, keeping the author's columns behind it. All rows:\n{}\n",
        at + 1,
        documented.get(at).unwrap_or(&nothing),
        rendered.get(at).unwrap_or(&nothing),
        rendered.join("\n")
    );
}

#[test]
fn the_reference_has_every_event_as_the_code_has_it() {
    compare("Events", &event_rows());
}

#[test]
fn the_reference_has_every_number_as_the_code_has_it() {
    compare("Numbers", &number_rows());
}

#[test]
fn the_reference_has_every_member_of_a_message() {
    compare("Messages", &message_rows());
}

#[test]
fn the_reference_has_every_reason_as_the_code_has_it() {
    compare("Reasons", &reason_rows());
}

#[test]
fn a_field_is_rendered_with_its_bits_and_what_it_holds() {
    let rows = event_rows();
    let row =
        |name: &str| rows.iter().find(|row| row.contains(&format!("| `{name}` |"))).expect("a row").as_str();
    assert_eq!(row("DEPLOY"), "| 5 | `DEPLOY` | `id` | 0 | 0 | 0 | 0 |");
    assert!(
        row("ORDER_REJECT")
            .contains("| `class` 0–7 reject class, `action` 8–15 order action, `venue_code` 32–63 signed |")
    );
    assert!(row("FUNDING").contains("| `amount` low 1e-9, signed | `amount` high 1e-9, signed |"));
    assert!(row("BOOK").contains("| `ask_qty` quantity if flag 3 | `sequence` |"));
}

#[test]
fn the_header_says_of_each_reason_what_the_page_says() {
    let text = read("include/tripline_reasons.h");
    let said: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("#define TRIPLINE_REASON_"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let meant: Vec<String> = reasons()
        .into_iter()
        .map(|(number, name, meaning)| format!("#define TRIPLINE_REASON_{name} {number} /* {meaning} */"))
        .collect();
    assert_eq!(said, meant);
}
