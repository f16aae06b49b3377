//! The little of HTTP/1.1 that both ends of the benchmark need: where a head ends, how long its body is.

use anyhow::{Result, bail};

/// A complete head found at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the head, its closing empty line included.
    pub(crate) length: usize,
    /// Bytes of body that follow it.
    pub(crate) body: usize,
}

impl Head {
    /// Finds the head at the front of `buffer`; `None` while its end has not arrived.
    ///
    /// # Errors
    /// A chunked message: neither end of this benchmark sends one, so it is a fault of the measurement.
    pub(crate) fn parse(buffer: &[u8]) -> Result<Option<Self>> {
        let (mut line_start, mut body) = (0, 0);
        while let Some(offset) = buffer[line_start..].iter().position(|byte| *byte == b'\n') {
            let line = trim_carriage_return(&buffer[line_start..line_start + offset]);
            line_start += offset + 1;
            if line.is_empty() {
                return Ok(Some(Self { length: line_start, body }));
            }
            if let Some(value) = value_of(line, b"content-length:") {
                body = digits(value)?;
            } else if value_of(line, b"transfer-encoding:").is_some() {
                bail!("the peer sent a chunked message, which this benchmark does not read");
            }
        }
        Ok(None)
    }

    /// Bytes of the whole message.
    pub(crate) fn total(self) -> usize {
        self.length + self.body
    }
}

/// The three digits of a status line such as `HTTP/1.1 202 Accepted`.
pub(crate) fn status(buffer: &[u8]) -> u16 {
    buffer
        .get(9..12)
        .and_then(|code| digits(code).ok())
        .and_then(|code| u16::try_from(code).ok())
        .unwrap_or(0)
}

/// A decimal number, blanks around it ignored.
pub(crate) fn digits(text: &[u8]) -> Result<usize> {
    Ok(std::str::from_utf8(text)?.trim().parse()?)
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let front = line.get(..name.len())?;
    front.eq_ignore_ascii_case(name).then(|| &line[name.len()..])
}

fn trim_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_only_when_it_is_whole() {
        let message = b"POST /hook/1/0 HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\nabc";
        let head = Head::parse(message).expect("parses").expect("is whole");
        assert_eq!(head.total(), message.len());
        assert_eq!(head.body, 3);
        assert_eq!(Head::parse(&message[..30]).expect("parses"), None);
    }

    #[test]
    fn a_chunked_message_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_status_line_gives_its_code() {
        assert_eq!(status(b"HTTP/1.1 202 Accepted\r\n"), 202);
        assert_eq!(status(b"HTTP"), 0);
    }
}
