//! COLD: a Rust file as lines of code and lines of comment, so that rules never match inside a string.

/// One file, taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the repository, with `/`.
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
}

/// One line. Code keeps its columns: comments and the insides of literals are blanks.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) code: String,
    /// The text of comments, with their marks: `// SAFETY: …`.
    pub(crate) comment: String,
    /// Whether the line is compiled for tests only.
    pub(crate) test: bool,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}\n    remedy: {}", self.path, self.line, self.what, self.remedy)
    }
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut lines = split(text);
        if is_test_path(path) {
            lines.iter_mut().for_each(|line| line.test = true);
        } else {
            mark_tests(&mut lines);
        }
        Self { path: path.to_owned(), lines }
    }

    /// A violation at `index`, counted from 0.
    pub(crate) fn violation(&self, index: usize, what: String, remedy: &'static str) -> Violation {
        Violation { path: self.path.clone(), line: index + 1, what, remedy }
    }

    /// Lines that are part of the product, with their index from 0.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().filter(|(_, line)| !line.test)
    }

    /// All code; `line_of` turns its offsets back into line indices.
    pub(crate) fn code(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.code)).collect()
    }

    pub(crate) fn is_under(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }
}

/// The line index of an offset into [`Source::code`].
pub(crate) fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count()
}

/// Offsets of `word` in `code` where it is not part of a longer identifier.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !code[..at].ends_with(is_ident) && !code[at + word.len()..].starts_with(is_ident))
}

/// Offset just behind the bracket that closes the one `code` has at `open`.
pub(crate) fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, c) in code[open..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.checked_sub(1)?,
            _ => continue,
        }
        if depth == 0 {
            return Some(open + offset + 1);
        }
    }
    None
}

/// Files this lexer misread: brackets always balance in Rust, so where they seem not to, no rule can be trusted.
pub(crate) fn readable(source: &Source) -> Vec<Violation> {
    let code = source.code();
    let balances = |open, close| code.matches(open).count() == code.matches(close).count();
    if balances('{', '}') && balances('(', ')') && balances('[', ']') {
        return Vec::new();
    }
    let what = "brackets do not balance once comments and literals are taken out".to_owned();
    vec![source.violation(0, what, "teach the lexer of tests/tidy/source.rs what it misread here")]
}

fn is_test_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    parts.iter().any(|part| matches!(*part, "tests" | "benches" | "tests.rs"))
}

/// Marks items under `#[cfg(test)]`, from the attribute to the end of the item.
fn mark_tests(lines: &mut [Line]) {
    let code: String = lines.iter().map(|line| format!("{}\n", line.code)).collect();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test,", "#![cfg(test)]"] {
        for (at, _) in code.match_indices(attribute) {
            let end = if attribute.starts_with("#!") { code.len() } else { item_end(&code, at) };
            let last = line_of(&code, end.saturating_sub(1)).min(lines.len().saturating_sub(1));
            lines[line_of(&code, at)..=last].iter_mut().for_each(|line| line.test = true);
        }
    }
}

/// Where the item that the attribute at `at` belongs to ends.
fn item_end(code: &str, at: usize) -> usize {
    let after = code[at..].find(']').map_or(code.len(), |end| at + end + 1);
    match code[after..].find(['{', ';']).map(|found| after + found) {
        Some(found) if code[found..].starts_with('{') => closing(code, found).unwrap_or(code.len()),
        Some(found) => found + 1,
        None => code.len(),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    BlockComment(u32),
    Text { hashes: Option<usize> },
}

/// Tells code, comments and literals apart. Not a parser: just enough to know which of the three a character is in.
fn split(text: &str) -> Vec<Line> {
    let chars: Vec<char> = text.chars().collect();
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '\n' {
            lines.push(Line::default());
            state = if state == State::LineComment { State::Code } else { state };
            at += 1;
            continue;
        }
        let (next, length) = step(&chars, at, state);
        let line = lines.last_mut().expect("starts with one");
        let is_comment = |state| matches!(state, State::LineComment | State::BlockComment(_));
        let commented = is_comment(state) || is_comment(next);
        // A piece of several characters in code is a character literal.
        let is_code = state == State::Code && next == State::Code && length == 1;
        for &c in &chars[at..(at + length).min(chars.len())] {
            line.code.push(if is_code { c } else { ' ' });
            if commented {
                line.comment.push(c);
            }
        }
        state = next;
        at += length;
    }
    lines
}

/// The state behind the piece at `at`, and how many characters the piece has.
fn step(chars: &[char], at: usize, state: State) -> (State, usize) {
    let next = chars.get(at + 1).copied();
    match state {
        State::LineComment => (state, 1),
        State::BlockComment(depth) => match (chars[at], next) {
            ('*', Some('/')) if depth == 1 => (State::Code, 2),
            ('*', Some('/')) => (State::BlockComment(depth - 1), 2),
            ('/', Some('*')) => (State::BlockComment(depth + 1), 2),
            _ => (state, 1),
        },
        State::Text { hashes: None } => match chars[at] {
            '"' => (State::Code, 1),
            '\\' if next.is_some_and(|c| c != '\n') => (state, 2),
            _ => (state, 1),
        },
        State::Text { hashes: Some(hashes) } => {
            let closes = chars[at] == '"'
                && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
            if closes { (State::Code, 1 + hashes) } else { (state, 1) }
        }
        State::Code => code_step(chars, at, next),
    }
}

fn code_step(chars: &[char], at: usize, next: Option<char>) -> (State, usize) {
    match (chars[at], next) {
        ('/', Some('/')) => (State::LineComment, 2),
        ('/', Some('*')) => (State::BlockComment(1), 2),
        ('"', _) => (State::Text { hashes: raw_hashes(&chars[..at]) }, 1),
        ('\'', Some('\\')) => {
            let close = (at + 3..chars.len()).find(|&end| chars[end] == '\'').unwrap_or(at);
            (State::Code, close + 1 - at)
        }
        // A quote two further on closes a character; otherwise this is a lifetime.
        ('\'', _) if chars.get(at + 2) == Some(&'\'') => (State::Code, 3),
        _ => (State::Code, 1),
    }
}

/// The number of `#` of a raw string whose quote follows `before`; `None` for an ordinary string.
fn raw_hashes(before: &[char]) -> Option<usize> {
    let hashes = before.iter().rev().take_while(|c| **c == '#').count();
    let prefix: Vec<char> = before[..before.len() - hashes].iter().rev().take(2).copied().collect();
    let is_ident = |c: &char| c.is_alphanumeric() || *c == '_';
    match prefix.as_slice() {
        ['r'] => Some(hashes),
        ['r', c] if !is_ident(c) || matches!(c, 'b' | 'c') => Some(hashes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::parse("src/a.rs", text).code()
    }

    #[test]
    fn literals_and_comments_are_not_code() {
        for (text, kept, dropped) in [
            ("let a = \"unsafe {\"; b", "let a", "unsafe"),
            ("let a = \"x\\\"unsafe\"; b", "; b", "unsafe"),
            ("let a = r#\"un\"safe\"#; b", "; b", "safe"),
            ("let a = br\"\\\"; b", "; b", "\\"),
            ("let a = '\"'; b", "; b", "\""),
            ("let a = '\\''; b // unsafe", "; b", "unsafe"),
            ("fn f<'a>(x: &'a str) { b }", "<'a>(x: &'a str) { b }", "zzz"),
            ("a /* x /* unsafe */ y */ b", " b", "unsafe"),
            ("a // \"\nb", "b", "\""),
            ("let r = \"\nunsafe\n\"; b", "; b", "unsafe"),
            ("let c = '{'; b", "; b", "{"),
            ("let br = for_r(\"unsafe\"); b", "; b", "unsafe"),
        ] {
            let code = code(text);
            assert!(code.contains(kept) && !code.contains(dropped), "{text:?} became {code:?}");
        }
    }

    #[test]
    fn columns_and_lines_stay_where_they_were() {
        let text = "a \"b\" 'c' /* d */ e\n\n// f\ng";
        let source = Source::parse("src/a.rs", text);
        assert_eq!(source.lines.len(), 4);
        assert_eq!(source.lines[0].code.find('e'), text.find('e'));
        assert_eq!(source.lines[2].comment, "// f");
        assert_eq!(source.lines[3].code, "g");
    }

    #[test]
    fn test_items_end_where_their_braces_do() {
        let source = Source::parse(
            "src/a.rs",
            "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { \"}\"; }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}",
        );
        let marks: Vec<bool> = source.lines.iter().map(|line| line.test).collect();
        assert_eq!(marks, [false, true, true, true, true, false, true, true, false]);
    }

    #[test]
    fn files_of_tests_are_tests() {
        for (path, test) in [
            ("src/a/tests.rs", true),
            ("src/a/tests/b.rs", true),
            ("tests/a.rs", true),
            ("src/contests.rs", false),
        ] {
            assert_eq!(Source::parse(path, "fn a() {}").lines[0].test, test, "{path}");
        }
    }

    #[test]
    fn a_misread_file_is_noticed() {
        assert_eq!(readable(&Source::parse("src/a.rs", "fn a() { b['{'] /* ( */ }")), []);
        for text in ["fn a() {", "a(", "]"] {
            assert_eq!(readable(&Source::parse("src/a.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn words_have_boundaries() {
        let code = "unsafe unsafe_code my_unsafe unsafe{";
        assert_eq!(words(code, "unsafe").collect::<Vec<_>>(), [0, 29]);
    }
}
