//! Just enough understanding of Rust's text to measure functions: strings, characters and comments are blanked, and
//! braces counted.

use std::ops::Range;

/// A function and its length: lines with code from its `fn` line to its closing brace. Comments and the inside of texts,
/// such as an SQL statement, do not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
    /// Its place in the code: from `fn` to its last brace.
    pub(crate) span: Range<usize>,
}

/// The functions with a body in text that `code_only` made; nested ones count for themselves and for the outer one.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let starts_word = code[..start].chars().next_back().is_none_or(|before| !is_name_char(before));
        let name: String = code[start + 3..].chars().take_while(|c| is_name_char(*c)).collect();
        if starts_word
            && !name.is_empty()
            && let Some(length) = body_length(&code[start..])
        {
            let lines = code[start..start + length].lines().filter(|line| !line.trim().is_empty()).count();
            found.push(Function { name, lines, span: start..start + length });
        }
    }
    found
}

/// Bytes up to the brace that closes the body, or `None` for a declaration without one.
fn body_length(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (index, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text with comments, strings and character literals replaced by spaces; line breaks stay.
pub(crate) fn code_only(text: &str) -> String {
    code_and_literals(text).0
}

/// The same, and what was replaced: comments and literals, with their places in the code.
pub(crate) fn code_and_literals(text: &str) -> (String, Vec<(usize, &str)>) {
    let mut code = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest, code.chars().next_back());
        match length {
            Some(length) => {
                literals.push((code.len(), &rest[..length]));
                code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[length..];
            }
            None => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    (code, literals)
}

/// Length of the comment or literal that `text` begins with, if it begins with one.
fn literal_length(text: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(is_name_char);
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if let Some(quoted) = text.strip_prefix('"') {
        return Some(1 + quoted_length(quoted, '"'));
    }
    if text.starts_with('\'') {
        return character_length(text);
    }
    if text.starts_with('r') && !in_word {
        return raw_string_length(text);
    }
    None
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        if !escaped && character == quote {
            return index + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// A character literal; a lifetime has no closing quote after its first character.
fn character_length(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    let (index, second) = characters.next()?;
    if first == '\\' {
        return Some(1 + quoted_length(&text[1..], '\''));
    }
    (second == '\'').then_some(index + 1)
}

fn raw_string_length(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - body.len();
    Some(body.find(&end).map_or(text.len(), |at| start + at + end.len()))
}

fn is_name_char(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[test]
fn functions_are_measured_whatever_their_text_contains() {
    let text = r##"
fn first<'a>(x: &'a str) -> char {
    // a { in a comment
    let brace = '{';
    let text = "a \" and a {";
    let raw = r#"fn none() { " "#;
    '\''
}
trait T { fn declared(&self) -> [u8; 2]; }
fn second() {}
"##;
    let code = code_only(text);
    let measured: Vec<_> = functions(&code).into_iter().map(|one| (one.name, one.lines)).collect();
    assert_eq!(measured, [("first".to_owned(), 5), ("second".to_owned(), 1)]);
}
