//! What a connection's first bytes are the beginning of, and requests that are not clear about how long they are.

/// The answer to one.
pub(super) const UNCLEAR_LENGTH: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
    connection: close\r\ncontent-length: 189\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"MALFORMED_REQUEST\",\
    \"detail\":\"Send either Content-Length or Transfer-Encoding: chunked, never both, and chunks with a size.\"}";

/// The first bytes of an HTTP/2 connection with prior knowledge (RFC 9113, 3.4) that no HTTP/1 request starts with.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2";

/// Hexadecimal digits of the largest chunk there can be.
const CHUNK_SIZE_DIGITS: usize = 16;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP/2 without TLS.
    Http2,
    /// HTTP/1 with a whole head, or what HTTP/1's own parser is to refuse.
    Http1,
    /// HTTP/1 whose first request is of unclear length (RFC 9112, 6.3), by which a proxy and a server are made to see
    /// different requests. Of later requests hyper believes the chunks and closes the connection after them.
    Unclear,
}

/// What these first bytes are; `None` while more must come. `known` of them were seen before, and more than `most` are
/// the parser's to refuse.
pub(super) fn speech(bytes: &[u8], known: usize, most: usize) -> Option<Speech> {
    if bytes.starts_with(H2_PREFACE) {
        return Some(Speech::Http2);
    }
    if H2_PREFACE.starts_with(bytes) {
        return None;
    }
    // The end of a head is at most three bytes older than its last one.
    match head_end(bytes, known.saturating_sub(3)) {
        Some(end) if bytes.split_at_checked(end).is_some_and(has_unclear_length) => Some(Speech::Unclear),
        Some(_) => Some(Speech::Http1),
        None => (bytes.len() > most || is_no_request(bytes, known)).then_some(Speech::Http1),
    }
}

/// The length of the head, its empty line included; lines may end without CR, as the parser takes them.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = bytes.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).find_map(|next| match bytes.get(next..)? {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// Whether no head could begin like this, so that there is nothing to wait for.
fn is_no_request(bytes: &[u8], known: usize) -> bool {
    let text = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b'\r' | b'\n');
    bytes.first().is_some_and(|first| !text(first)) || bytes.iter().skip(known).any(|byte| *byte == 0)
}

/// Whether a request with this head has both `Content-Length` and `Transfer-Encoding`, or a first chunk without a size
/// one could count to. Of the body, what is not there yet is not judged.
fn has_unclear_length((head, body): (&[u8], &[u8])) -> bool {
    let (mut counted, mut chunked) = (false, false);
    for line in head.split(|byte| *byte == b'\n') {
        if !line.contains(&b':') {
            continue;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        counted |= name.eq_ignore_ascii_case(b"content-length");
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    chunked && (counted || is_no_chunk(body))
}

fn is_no_chunk(body: &[u8]) -> bool {
    let Some(line) = body.split(|byte| *byte == b'\n').next().filter(|line| line.len() < body.len()) else {
        return false;
    };
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let digits = size.iter().skip_while(|byte| **byte == b'0').count();
    size.is_empty() || digits > CHUNK_SIZE_DIGITS || !size.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 32 << 10;

    fn head(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
    }

    fn said(text: &str) -> Option<Speech> {
        speech(text.as_bytes(), 0, MOST)
    }

    #[test]
    fn two_lengths_are_found_in_any_order_and_case() {
        for both in [
            head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            head("transfer-encoding: chunked\r\nx: y\r\nCONTENT-LENGTH: 5\r\n"),
            head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n").replace("\r\n", "\n"),
        ] {
            assert_eq!(said(&both), Some(Speech::Unclear), "{both}");
        }
        let one = head("content-length: 29\r\n") + "transfer-encoding: chunked\r\n\r\n";
        assert_eq!(said(&one), Some(Speech::Http1));
    }

    #[test]
    fn the_first_chunk_has_a_size() {
        let with = |chunk: &str| said(&(head("transfer-encoding: chunked\r\n") + chunk));
        for clear in ["", "f", "5\r\nhello", "0000000000000000000005;x=y\r\n", "FFFFFFFFFFFFFFFF\r\n"] {
            assert_eq!(with(clear), Some(Speech::Http1), "{clear}");
        }
        for unclear in ["f0000000000000003\r\n", "-1\r\n", "\r\n", "0x5\r\n", "five\r\n", "+5\r\n"] {
            assert_eq!(with(unclear), Some(Speech::Unclear), "{unclear}");
        }
    }

    #[test]
    fn a_head_is_waited_for_and_what_can_be_none_is_not() {
        for unfinished in
            ["", "P", "PRI * HTTP/", "POST / HTTP/1.1\r\nhost: a\r\n", "GET / HTTP/1.1\r\n\r", "\r\n"]
        {
            assert_eq!(said(unfinished), None, "{unfinished:?}");
        }
        for whole in
            ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "nonsense\r\n\r\n", "\x16\x03\x01", "GET\0"]
        {
            assert_eq!(said(whole), Some(Speech::Http1), "{whole:?}");
        }
        assert_eq!(said("PRI * HTTP/2.0\r\n"), Some(Speech::Http2));
        assert_eq!(said("PRI / HTTP/1.1\r\n\r\n"), Some(Speech::Http1));
        assert_eq!(
            speech(&[b'a'; 11], 0, 10),
            Some(Speech::Http1),
            "too long a head is the parser's to refuse"
        );
    }

    proptest! {
        #[test]
        fn in_however_many_pieces_it_comes_it_is_the_same(
            text in "(GET|PRI) [/*] HTTP/[12].[01]\r?\n([a-c]: x\r?\n){0,3}\r?\n",
            cut in 1_usize..80,
        ) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let first = speech(&bytes[..cut], 0, MOST);
            prop_assert_eq!(first.or_else(|| speech(bytes, cut, MOST)), speech(bytes, 0, MOST));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, known: usize) {
            let _ = speech(&bytes, known % (bytes.len() + 1), 40);
        }
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = UNCLEAR_LENGTH.split_once("\r\n\r\n").expect("head and body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
