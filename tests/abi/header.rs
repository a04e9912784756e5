//! COLD: `include/tripline.h` and what it includes, as text: which numbers, structs and functions they declare.

use super::toolchain::read;

/// The header and that of its reasons.
const HEADERS: [&str; 2] = ["include/tripline.h", "include/tripline_reasons.h"];

/// Both without their comments.
pub(crate) fn code() -> String {
    let text = HEADERS.map(read).concat();
    let mut code = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").expect("comments of the header are closed").1;
    }
    code + rest
}

/// The names of the header's numbers.
pub(crate) fn numbers() -> Vec<String> {
    code()
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.contains('('))
        .collect()
}

/// A struct of the header.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) members: Vec<String>,
}

/// The header's structs with their members in order.
pub(crate) fn structs() -> Vec<Struct> {
    let code = code();
    code.split("typedef struct ")
        .skip(1)
        .map(|text| {
            let (name, body) = text.split_once('{').expect("a struct has a body");
            let (body, _) = body.split_once('}').expect("a struct's body ends");
            let members = body
                .split(';')
                .filter(|declaration| !declaration.trim().is_empty())
                .flat_map(|declaration| declaration.split(','))
                .map(|declarator| last_word(declarator).to_owned())
                .collect();
            Struct { name: name.trim().to_owned(), members }
        })
        .collect()
}

fn last_word(text: &str) -> &str {
    text.trim().rsplit([' ', '*', '\n']).next().unwrap_or_default()
}

/// A function of the header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The result, then each parameter, in C's words.
    pub(crate) types: Vec<String>,
    pub(crate) is_inline: bool,
}

/// Every function, declared or inline. One that has two inline forms is listed once.
pub(crate) fn functions() -> Vec<Function> {
    let code = code();
    let mut found: Vec<Function> = Vec::new();
    let mut rest = code.as_str();
    while let Some(open) = rest.find('(') {
        let (head, tail) = (&rest[..open], &rest[open + 1..]);
        let line = head.rfind('\n').map_or(head, |newline| &head[newline + 1..]);
        // Declarations start in the first column; calls and casts are indented or stand behind something else.
        let is_inline = line.starts_with("static inline ");
        let declares = ["int32_t ", "uint32_t ", "const char *"].iter().any(|start| line.starts_with(start));
        let name = last_word(line);
        let close = tail.find(')').expect("parameters end");
        if (is_inline || declares) && !found.iter().any(|function| function.name == name) {
            let result = line.trim_start_matches("static inline ").trim_end_matches(name);
            let parameters = tail[..close].split(',').map(str::trim).filter(|text| *text != "void");
            let parameters = parameters.map(|text| text.trim_end_matches(last_word(text)));
            let types =
                std::iter::once(result).chain(parameters).map(|text| text.trim().to_owned()).collect();
            found.push(Function { name: name.to_owned(), types, is_inline });
        }
        rest = &tail[close..];
    }
    found
}

/// The functions that the library exports.
pub(crate) fn exported() -> Vec<Function> {
    functions().into_iter().filter(|function| !function.is_inline).collect()
}

#[test]
fn the_header_is_read_completely() {
    let code = code();
    assert_eq!(code.matches("typedef struct").count(), structs().len());
    // `#define` also makes the include guards and, once for each language, the assertion.
    assert_eq!(code.matches("#define ").count(), numbers().len() + 4, "{:?}", numbers());
    let (inline, declared): (Vec<_>, Vec<_>) =
        functions().into_iter().partition(|function| function.is_inline);
    assert_eq!(code.matches("static inline").count(), inline.len() + 1, "only the gate has two forms");
    let results = ["\nint32_t ", "\nuint32_t ", "\nconst char *"];
    let prototypes: usize = results.iter().map(|result| code.matches(result).count()).sum();
    assert_eq!(prototypes, declared.len(), "{declared:?}");
    let poll = declared.iter().find(|function| function.name == "tripline_poll").expect("poll");
    assert_eq!(poll.types, ["int32_t", "tripline_client *", "tripline_message *"]);
    let event = structs().into_iter().find(|found| found.name == "tripline_event").expect("event");
    assert_eq!(event.members, ["kind", "flags", "reserved", "handle", "a", "b", "c", "d", "e"]);
}
