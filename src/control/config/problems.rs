//! COLD: what can be wrong with a configuration, and how it is said.
//!
//! A person fixes a file once if they are told everything at once. Each problem names its line and key, shows the
//! value, says what would be allowed and what to type instead.

use core::fmt;

use crate::control::decimal::DecimalError;
use crate::model::name::NameError;

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields are the numbers and words printed by the message of their variant"
)]
pub enum Fault {
    /// The file cannot be read.
    Unreadable { error: String },
    /// Not TOML.
    Syntax { message: String },
    /// No such key.
    UnknownKey { nearest: Option<String>, known: String },
    /// A required key is absent.
    Missing { remedy: &'static str },
    /// Another type of value is wanted.
    WrongType { found: &'static str, expected: &'static str },
    /// A float, which cannot say 0.1.
    FloatLiteral,
    /// A number outside its range.
    OutOfRange { allowed: String },
    /// Not a power of two.
    NotAPowerOfTwo { allowed: String },
    /// Not one of the words.
    UnknownWord { nearest: Option<String>, allowed: String },
    /// Not a decimal of the unit.
    BadDecimal { error: DecimalError },
    /// Not a percentage.
    BadRatio,
    /// Not a duration.
    BadDuration,
    /// Not a name.
    BadName { error: NameError },
    /// A name that another thing needs.
    ReservedName { why: &'static str },
    /// Not so many within so long.
    BadCount,
    /// The same word twice in a list.
    Repeated { word: String },
    /// Not a scope.
    BadScope { forms: &'static str },
    /// Said twice.
    Duplicate { first_line: usize },
    /// Names something that is not configured.
    UnknownReference { kind: &'static str, nearest: Option<String>, known: String },
    /// Unknown to the system.
    UnknownUser { kind: &'static str },
    /// More rows than the tables have.
    TooMany { allowed: usize },
    /// Listens where others can reach it.
    NotLoopback,
    /// Not a time of day in a time zone.
    BadSession { nearest: Option<String> },
    /// An account without a drawdown guard.
    Unguarded,
    /// An account or strategy without a book.
    NoBook { remedy: &'static str },
    /// Profit would arise in a currency that cannot be converted.
    CurrencyMismatch { account: String, accounting: String },
    /// More than the venue takes in one of its windows.
    ExceedsVenue { reached: String, allowed: String },
    /// A position nobody could close when its owner is dead.
    NoExecutor { account: String },
    /// Two keys that contradict each other.
    Conflict { with: &'static str, remedy: &'static str },
    /// A quantity that means something else on each instrument.
    AmbiguousQuantity,
}

/// The three parts of a message after the value.
struct Words {
    what: String,
    allowed: Option<String>,
    remedy: Option<String>,
}

impl Words {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), allowed: None, remedy: None }
    }
    fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }
    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
    fn did_you_mean(self, nearest: Option<&String>) -> Self {
        match nearest {
            Some(word) => self.remedy(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

impl Fault {
    /// The stable name of this kind of problem, for `--json`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Syntax { .. } => "syntax",
            Self::UnknownKey { .. } => "unknown-key",
            Self::Missing { .. } => "missing",
            Self::WrongType { .. } => "wrong-type",
            Self::FloatLiteral => "float",
            Self::OutOfRange { .. } => "out-of-range",
            Self::NotAPowerOfTwo { .. } => "not-a-power-of-two",
            Self::UnknownWord { .. } => "unknown-word",
            Self::BadDecimal { .. } => "bad-decimal",
            Self::BadRatio => "bad-ratio",
            Self::BadDuration => "bad-duration",
            Self::BadName { .. } => "bad-name",
            Self::ReservedName { .. } => "reserved-name",
            Self::BadCount => "bad-count",
            Self::Repeated { .. } => "repeated",
            Self::BadScope { .. } => "bad-scope",
            Self::Duplicate { .. } => "duplicate",
            Self::UnknownReference { .. } => "unknown-reference",
            Self::UnknownUser { .. } => "unknown-user",
            Self::TooMany { .. } => "too-many",
            Self::NotLoopback => "not-loopback",
            Self::BadSession { .. } => "bad-session",
            Self::Unguarded => "unguarded",
            Self::NoBook { .. } => "no-book",
            Self::CurrencyMismatch { .. } => "currency-mismatch",
            Self::ExceedsVenue { .. } => "exceeds-venue",
            Self::NoExecutor { .. } => "no-executor",
            Self::Conflict { .. } => "conflict",
            Self::AmbiguousQuantity => "ambiguous-quantity",
        }
    }

    /// Whether something was looked for and not found. Below a syntax error that may be its echo.
    pub(super) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::UnknownReference { .. }
                | Self::Unguarded
                | Self::NoBook { .. }
                | Self::NoExecutor { .. }
        )
    }

    fn words(&self) -> Words {
        match self {
            Self::Unreadable { error } => Words::new("the file cannot be read")
                .remedy(format!("{error}; give the path of a readable file with --config")),
            Self::Syntax { message } => Words::new(format!("not valid TOML: {message}")),
            Self::UnknownKey { nearest, known } => {
                Words::new("unknown key").allowed(known.clone()).did_you_mean(nearest.as_ref())
            }
            Self::Missing { remedy } => Words::new("required, but not set").remedy(*remedy),
            Self::WrongType { found, expected } => {
                Words::new(format!("{found} where something else is wanted")).allowed(*expected)
            }
            Self::FloatLiteral => Words::new("a binary float cannot hold a decimal exactly")
                .allowed("an integer or a quoted decimal")
                .remedy("put the number in quotes"),
            Self::OutOfRange { allowed } => Words::new("out of range").allowed(allowed.clone()),
            Self::NotAPowerOfTwo { allowed } => Words::new("not a power of two").allowed(allowed.clone()),
            Self::UnknownWord { nearest, allowed } => {
                Words::new("not one of the choices").allowed(allowed.clone()).did_you_mean(nearest.as_ref())
            }
            Self::BadDecimal { error } => {
                Words::new(error.to_string()).allowed("an integer or a quoted decimal such as \"0.05\"")
            }
            Self::BadRatio => Words::new("not a ratio")
                .allowed("\"15%\" or \"1500bps\", whole basis points")
                .remedy("write the unit, a bare number could be either"),
            Self::BadDuration => {
                Words::new("not a duration").allowed("\"250us\", \"50ms\", \"5s\", \"1m 30s\"")
            }
            Self::BadName { error } => Words::new(error.to_string()),
            Self::ReservedName { why } => Words::new(*why).remedy("choose another name"),
            Self::BadCount => {
                Words::new("not a number of events within a time").allowed("\"3 in 60s\" or \"off\"")
            }
            Self::Repeated { word } => Words::new(format!("names {word} twice")).remedy("say it once"),
            Self::BadScope { forms } => Words::new("not a scope").allowed(*forms),
            Self::BadSession { nearest } => Words::new("not a time of day in a time zone")
                .allowed("\"00:00 UTC\", \"17:00 America/New_York\" and so on, by IANA name")
                .did_you_mean(nearest.as_ref()),
            _ => self.words_of_relations(),
        }
    }

    /// Problems between two things, rather than of one value.
    fn words_of_relations(&self) -> Words {
        match self {
            Self::Duplicate { first_line } => Words::new(format!("already defined in line {first_line}"))
                .remedy("rename or remove one of the two"),
            Self::UnknownReference { kind, nearest, known } => {
                let known = if known.is_empty() { "none is configured" } else { known };
                Words::new(format!("no such {kind}")).allowed(known).did_you_mean(nearest.as_ref())
            }
            Self::UnknownUser { kind } => {
                Words::new(format!("no such {kind} in /etc")).remedy("create it, or write its number")
            }
            Self::TooMany { allowed } => Words::new("too many").allowed(format!("at most {allowed}")),
            Self::NotLoopback => Words::new("would be reachable from other machines, without encryption")
                .allowed("127.0.0.1:PORT, [::1]:PORT or \"none\"")
                .remedy("put a TLS proxy in front of the loopback port"),
            Self::Unguarded => Words::new("this account has no drawdown guard of its own")
                .remedy("add a [[drawdown]] with scope = \"account:NAME\""),
            Self::NoBook { remedy } => Words::new("nothing can trade it: it has no book").remedy(*remedy),
            Self::CurrencyMismatch { account, accounting } => Words::new(format!(
                "account {account} is kept in {accounting} and no [[rate]] converts to that"
            ))
            .allowed(accounting.clone())
            .remedy("add a [[rate]] with the two currencies as base and quote, or run a second sidecar"),
            Self::ExceedsVenue { reached, allowed } => {
                Words::new(format!("admits {reached}, more than the venue does")).allowed(allowed.clone())
            }
            Self::NoExecutor { account } => Words::new(format!(
                "no strategy executes for account {account}, and the owner of its positions may be dead by then"
            ))
            .remedy(format!(
                "add executes = [\"{account}\"] to the [[strategy]] that is to close them, or leave flatten out"
            )),
            Self::Conflict { with, remedy } => Words::new(format!("contradicts {with}")).remedy(*remedy),
            Self::AmbiguousQuantity => {
                Words::new("instruments differ in qty_decimals, so a quantity is ambiguous")
                    .allowed("\"1500 lots\" (counts 10^-qty_decimals of each instrument) or \"unlimited\"")
                    .remedy("write lots, or give the instruments the same qty_decimals")
            }
            other => Words::new(other.code()),
        }
    }
}

/// One problem, where it is and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// Path of the key: `strategy[mm1].heartbeat`.
    pub key: String,
    /// The value as it stands in the file.
    pub value: Option<String>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words { what, allowed, remedy } = self.fault.words();
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&what)?;
        let details = [
            self.value.as_ref().map(|value| format!("value {value}")),
            allowed.map(|allowed| format!("allowed {allowed}")),
            remedy,
        ];
        let details: Vec<String> = details.into_iter().flatten().collect();
        if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join("; ")) }
    }
}

/// Everything wrong with one file, by line. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str, mut list: Vec<Problem>) -> Self {
        assert!(!list.is_empty(), "a configuration without problems is a Config");
        list.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), list }
    }

    /// Name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The problems, sorted by line.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }
}

impl fmt::Display for Problems {
    /// One problem a line, in the form editors jump to, then the count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{}:{}: {problem}", self.file, problem.line)?;
        }
        let count = self.list.len();
        write!(f, "{count} problem{} in {}", if count == 1 { "" } else { "s" }, self.file)
    }
}

impl core::error::Error for Problems {}

/// The candidate closest to `word`, if it is close enough to be a slip of the fingers.
pub(in crate::control) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    let budget = 1 + word.chars().count() / 3;
    let scored = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    scored.filter(|&(edits, _)| edits <= budget).min().map(|(_, candidate)| candidate.to_owned())
}

/// Edits (insert, delete, replace) from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_its_word() {
        let words = ["heartbeat", "recover_for", "uid"];
        assert_eq!(nearest("hartbeat", words).as_deref(), Some("heartbeat"));
        assert_eq!(nearest("recover-for", words).as_deref(), Some("recover_for"));
        assert_eq!(nearest("password", words), None);
    }

    #[test]
    fn a_problem_reads_as_file_line_key_what_and_details() {
        let problem = Problem {
            line: 7,
            key: "http.listen".to_owned(),
            value: Some("\"0.0.0.0:1\"".to_owned()),
            fault: Fault::OutOfRange { allowed: "1 to 9".to_owned() },
        };
        let text = Problems::new("a.toml", vec![problem]).to_string();
        assert_eq!(
            text,
            "a.toml:7: http.listen: out of range (value \"0.0.0.0:1\"; allowed 1 to 9)\n1 problem in a.toml"
        );
    }
}
