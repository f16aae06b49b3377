//! Requests that are not clear about how long they are.

/// The answer to one.
pub(super) const UNCLEAR_LENGTH: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
    connection: close\r\ncontent-length: 189\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"MALFORMED_REQUEST\",\
    \"detail\":\"Send either Content-Length or Transfer-Encoding: chunked, never both, and chunks with a size.\"}";

/// Hexadecimal digits of the largest chunk there can be.
const CHUNK_SIZE_DIGITS: usize = 16;

/// Whether the request these bytes begin with has both `Content-Length` and `Transfer-Encoding`, or a first chunk without
/// a size one could count to. What is not there yet is not judged.
pub(super) fn has_unclear_length(bytes: &[u8]) -> bool {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some((head, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else { return false };
    let (mut counted, mut chunked) = (false, false);
    for line in head.split(|byte| *byte == b'\n') {
        if !line.contains(&b':') {
            continue;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        counted |= name.eq_ignore_ascii_case(b"content-length");
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    chunked && (counted || rest.get(4..).is_some_and(is_no_chunk))
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
    use super::*;

    fn head(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
    }

    #[test]
    fn two_lengths_are_found_in_any_order_and_case() {
        for both in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding: chunked\r\nx: y\r\nCONTENT-LENGTH: 5\r\n",
        ] {
            assert!(has_unclear_length(head(both).as_bytes()), "{both}");
        }
        let one = head("content-length: 29\r\n") + "transfer-encoding: chunked\r\n\r\n";
        let unfinished = "GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n";
        for clear in [one.as_str(), unfinished, "", "\r\n\r\n"] {
            assert!(!has_unclear_length(clear.as_bytes()), "{clear}");
        }
    }

    #[test]
    fn the_first_chunk_has_a_size() {
        let with = |chunk: &str| head("transfer-encoding: chunked\r\n") + chunk;
        for clear in ["", "f", "5\r\nhello", "0000000000000000000005;x=y\r\n", "FFFFFFFFFFFFFFFF\r\n"] {
            assert!(!has_unclear_length(with(clear).as_bytes()), "{clear}");
        }
        for unclear in ["f0000000000000003\r\n", "-1\r\n", "\r\n", "0x5\r\n", "five\r\n", "+5\r\n"] {
            assert!(has_unclear_length(with(unclear).as_bytes()), "{unclear}");
        }
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = UNCLEAR_LENGTH.split_once("\r\n\r\n").expect("head and body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
