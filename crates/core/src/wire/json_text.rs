//! Texts of JSON: decoded, and written with the escapes of Python or of serde.

use std::borrow::Cow;

use super::json_reader::{JsonFault, Quoted};

/// Which characters are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Python's `ensure_ascii`: all but printable ASCII, `\uxxxx` in lower case, surrogate pairs beyond the first plane.
    Ascii,
    /// Only what JSON demands; everything else stays as it is.
    Minimal,
}

/// What a text stands for.
pub(super) fn decoded(text: Quoted<'_>) -> Result<Cow<'_, str>, JsonFault> {
    if text.plain || !text.source.contains('\\') {
        return Ok(Cow::Borrowed(text.source));
    }
    Characters { rest: text.source }.collect::<Result<String, _>>().map(Cow::Owned)
}

/// Writes a text read from JSON, quotes included.
pub(super) fn push_quoted(text: Quoted<'_>, escapes: Escapes, out: &mut String) -> Result<(), JsonFault> {
    out.push('"');
    if text.plain {
        out.push_str(text.source);
    } else {
        for character in (Characters { rest: text.source }) {
            push_character(character?, escapes, out);
        }
    }
    out.push('"');
    Ok(())
}

/// Writes any text as JSON, quotes included.
pub(super) fn push_text(text: &str, escapes: Escapes, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        push_character(character, escapes, out);
    }
    out.push('"');
}

fn push_character(character: char, escapes: Escapes, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        ' '..='~' => out.push(character),
        '\0'..='\u{1f}' => push_unit(character as u16, out),
        _ if escapes == Escapes::Ascii => {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                push_unit(*unit, out);
            }
        }
        _ => out.push(character),
    }
}

fn push_unit(unit: u16, out: &mut String) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.extend(char::from_digit(u32::from((unit >> shift) & 0xf), 16));
    }
}

/// The characters of a text whose escapes were found to be well-formed.
struct Characters<'a> {
    rest: &'a str,
}

impl Iterator for Characters<'_> {
    type Item = Result<char, JsonFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut characters = self.rest.chars();
        let first = characters.next()?;
        self.rest = characters.as_str();
        if first != '\\' {
            return Some(Ok(first));
        }
        let escape = characters.next()?;
        self.rest = characters.as_str();
        Some(match escape {
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => self.unit().and_then(|unit| self.scalar(unit)),
            other => Ok(other),
        })
    }
}

impl Characters<'_> {
    /// The four digits that come next.
    fn unit(&mut self) -> Result<u16, JsonFault> {
        let (digits, rest) = self.rest.split_at_checked(4).ok_or(JsonFault::LoneSurrogate)?;
        self.rest = rest;
        u16::from_str_radix(digits, 16).map_err(|_| JsonFault::LoneSurrogate)
    }

    /// The character a unit stands for, with the unit after it when it is half of a pair.
    fn scalar(&mut self, unit: u16) -> Result<char, JsonFault> {
        if let Some(character) = char::from_u32(u32::from(unit)) {
            return Ok(character);
        }
        self.rest = self.rest.strip_prefix("\\u").ok_or(JsonFault::LoneSurrogate)?;
        let pair = [unit, self.unit()?];
        match char::decode_utf16(pair).next() {
            Some(Ok(character)) => Ok(character),
            Some(Err(_)) | None => Err(JsonFault::LoneSurrogate),
        }
    }
}
