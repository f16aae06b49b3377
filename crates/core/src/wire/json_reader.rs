//! JSON as a tree of slices of its source: numbers and texts stay as they were written, keys in their order, repeated keys
//! too. Strict RFC 8259, as `json.loads` reads it, and without its NaN and Infinity.

use std::borrow::Cow;

use super::json_text::decoded;

/// Deepest nesting that is read. Payloads over REST are shallower; from brokers anything may come.
const MAX_DEPTH: usize = 256;

/// A value.
#[derive(Debug)]
pub(super) enum Json<'a> {
    /// `null`, `true` or `false`.
    Word(&'static str),
    /// As written.
    Number(&'a str),
    /// What stands between the quotes, as written.
    Text(Quoted<'a>),
    Array(Vec<Json<'a>>),
    Object(Vec<Member<'a>>),
}

/// A text in its source form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    pub(super) source: &'a str,
    /// Printable ASCII without escapes: the same in every form.
    pub(super) plain: bool,
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// The key, decoded.
    pub(super) key: Cow<'a, str>,
    pub(super) quoted: Quoted<'a>,
    pub(super) value: Json<'a>,
    /// The value's source.
    pub(super) source: &'a str,
}

/// Why a text cannot be read, or not be written in the form asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON.
    #[error("the payload is not JSON: {what} at byte {at}")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// Where, from 0.
        at: usize,
    },
    /// Not UTF-8.
    #[error("the payload is not UTF-8 text")]
    NotUtf8,
    /// Deeper than 256 levels.
    #[error("the payload is nested deeper than 256 levels")]
    TooDeep,
    /// `1e400`: a number no double holds.
    #[error("the payload has a number beyond the range of a double, which JSON receivers cannot read")]
    NotFinite,
    /// More digits than Python reads.
    #[error("the payload has an integer of more than 4300 digits")]
    TooManyDigits,
    /// Half a surrogate pair.
    #[error(
        "the payload has a text with a lone surrogate (\\ud800 to \\udfff), which no UTF-8 text can hold"
    )]
    LoneSurrogate,
}

/// Reads a whole text.
pub(super) fn read(source: &str) -> Result<Json<'_>, JsonFault> {
    let mut reader = Reader { source, bytes: source.as_bytes(), at: 0 };
    reader.skip_blanks();
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at < source.len() {
        return Err(reader.fault("something follows the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, what: &'static str) -> JsonFault {
        JsonFault::Syntax { what, at: self.at }
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonFault> {
        if depth > MAX_DEPTH {
            return Err(JsonFault::TooDeep);
        }
        match self.peek() {
            b'"' => self.text().map(Json::Text),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'N' | b'I' => Err(self.fault("NaN and Infinity are not JSON")),
            _ => Err(self.fault("a value is missing")),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<Json<'a>, JsonFault> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(self.fault("a value is missing"));
        }
        self.at += word.len();
        Ok(Json::Word(word))
    }

    fn number(&mut self) -> Result<Json<'a>, JsonFault> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            b'I' => return Err(self.fault("NaN and Infinity are not JSON")),
            _ => return Err(self.fault("a digit is missing")),
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.required_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.required_digits()?;
        }
        Ok(Json::Number(self.since(start)))
    }

    /// What was read from `start` on. Reading begins and ends beside ASCII characters, so both are borders of characters.
    fn since(&self, start: usize) -> &'a str {
        self.source.get(start..self.at).unwrap_or_default()
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn required_digits(&mut self) -> Result<(), JsonFault> {
        if !self.peek().is_ascii_digit() {
            return Err(self.fault("a digit is missing"));
        }
        self.digits();
        Ok(())
    }

    fn text(&mut self) -> Result<Quoted<'a>, JsonFault> {
        self.at += 1;
        let start = self.at;
        let mut plain = true;
        loop {
            match self.bytes.get(self.at).copied() {
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    self.escape()?;
                }
                Some(b' '..=b'~') => self.at += 1,
                Some(0x7f..) => {
                    plain = false;
                    self.at += 1;
                }
                Some(_) => return Err(self.fault("a control character stands in a text")),
                None => return Err(self.fault("a text does not end")),
            }
        }
        let source = self.since(start);
        self.at += 1;
        Ok(Quoted { source, plain })
    }

    /// Steps over an escape, whatever it stands for.
    fn escape(&mut self) -> Result<(), JsonFault> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.fault("\\u needs four hexadecimal digits"));
                }
                self.at += 5;
            }
            _ => return Err(self.fault("an escape is unknown")),
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonFault> {
        self.at += 1;
        self.skip_blanks();
        let mut items = Vec::new();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            self.skip_blanks();
            items.push(self.value(depth + 1)?);
            if self.ends_with(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonFault> {
        self.at += 1;
        self.skip_blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(Json::Object(Vec::new()));
        }
        // Room for what most objects have, made once.
        let mut members = Vec::with_capacity(8);
        loop {
            self.skip_blanks();
            members.push(self.member(depth)?);
            if self.ends_with(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn member(&mut self, depth: usize) -> Result<Member<'a>, JsonFault> {
        if self.peek() != b'"' {
            return Err(self.fault("a key is missing"));
        }
        let quoted = self.text()?;
        self.skip_blanks();
        if self.peek() != b':' {
            return Err(self.fault("a colon is missing"));
        }
        self.at += 1;
        self.skip_blanks();
        let start = self.at;
        let value = self.value(depth + 1)?;
        Ok(Member { key: decoded(quoted)?, quoted, value, source: self.since(start) })
    }

    /// After an item: whether the list ends here, or a comma says that there is another one.
    fn ends_with(&mut self, end: u8) -> Result<bool, JsonFault> {
        self.skip_blanks();
        let found = self.peek();
        if found != end && found != b',' {
            return Err(self.fault("a comma or the end of the list is missing"));
        }
        self.at += 1;
        Ok(found == end)
    }
}
