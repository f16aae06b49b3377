//! What a proxy's answer to `CONNECT` means: a tunnel, and if there is none, whose fault that is. Pure.

use std::io::ErrorKind;

/// The meaning of one answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectAnswer {
    /// 1xx: another head follows.
    Interim,
    /// 2xx: whatever follows comes from the endpoint.
    Tunnel,
    /// The proxy does not want to: its credentials or its rules must be mended.
    Refused(u16),
    /// The proxy says that the endpoint could not be reached.
    EndpointFailed(ErrorKind),
    /// The proxy did not get through, and does not say why.
    NoTunnel(u16),
}

/// Reads a whole head, its empty line included; `None` when it is not HTTP/1.
///
/// An endpoint that cannot be reached and a proxy that cannot reach anything look alike (502, 503, 504) unless the proxy names
/// the error: in `Proxy-Status` (RFC 9209), or as Squid does. Names of resolver errors are not believed, for the proxy is
/// given an address.
pub(crate) fn judge(head: &[u8]) -> Option<ConnectAnswer> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let status = status_of(lines.next()?)?;
    match status {
        100..=199 => return Some(ConnectAnswer::Interim),
        200..=299 => return Some(ConnectAnswer::Tunnel),
        _ => {}
    }
    let mut named = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let found = if name.eq_ignore_ascii_case("proxy-status") {
            proxy_status_error(value).and_then(|error| of_proxy_status(&error, status))
        } else if name.eq_ignore_ascii_case("x-squid-error") && value.trim().starts_with("ERR_CONNECT_FAIL") {
            Some(ConnectAnswer::EndpointFailed(ErrorKind::Other))
        } else {
            None
        };
        named = named.or(found);
    }
    Some(named.unwrap_or(match status {
        400..=499 => ConnectAnswer::Refused(status),
        _ => ConnectAnswer::NoTunnel(status),
    }))
}

fn status_of(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.0 ").or_else(|| line.strip_prefix("HTTP/1.1 "))?;
    let (digits, rest) = rest.split_at_checked(3)?;
    let status = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    ((rest.is_empty() || rest.starts_with(' ')) && status >= 100).then_some(status)
}

/// The last `error` parameter of the field's members: that of the proxy next to the endpoint stands first, ours last, and the one
/// that names an error is the one where it happened. What stands in quotes is anybody's text.
fn proxy_status_error(value: &str) -> Option<String> {
    let mut quoted = false;
    let mut escaped = false;
    let plain: String = value
        .chars()
        .filter(|&character| {
            let inside = quoted;
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            !inside && character != '"'
        })
        .collect();
    let parameters = plain.split([';', ',']).map(str::trim);
    parameters.filter_map(|parameter| parameter.strip_prefix("error=")).next_back().map(str::to_owned)
}

/// The proxy error types of RFC 9209 section 2.3.
fn of_proxy_status(error: &str, status: u16) -> Option<ConnectAnswer> {
    Some(match error {
        "connection_refused" => ConnectAnswer::EndpointFailed(ErrorKind::ConnectionRefused),
        "connection_timeout" => ConnectAnswer::EndpointFailed(ErrorKind::TimedOut),
        "destination_ip_unroutable" => ConnectAnswer::EndpointFailed(ErrorKind::NetworkUnreachable),
        "destination_unavailable" | "connection_terminated" => {
            ConnectAnswer::EndpointFailed(ErrorKind::Other)
        }
        "destination_ip_prohibited"
        | "http_request_denied"
        | "http_request_error"
        | "connection_limit_reached"
        | "proxy_internal_response"
        | "proxy_internal_error"
        | "proxy_configuration_error"
        | "proxy_loop_detected" => ConnectAnswer::Refused(status),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ConnectAnswer::{EndpointFailed, Interim, NoTunnel, Refused, Tunnel};

    fn judged(head: &str) -> Option<ConnectAnswer> {
        judge(format!("{head}\r\n\r\n").as_bytes())
    }

    #[test]
    fn the_status_decides() {
        for (line, expected) in [
            ("HTTP/1.1 200 Connection established", Tunnel),
            ("HTTP/1.0 200", Tunnel),
            ("HTTP/1.1 100 Continue", Interim),
            ("HTTP/1.1 407 Proxy Authentication Required", Refused(407)),
            ("HTTP/1.1 403 Forbidden", Refused(403)),
            ("HTTP/1.1 302 Found", NoTunnel(302)),
            ("HTTP/1.1 502 Bad Gateway", NoTunnel(502)),
            ("HTTP/1.1 503 Service Unavailable", NoTunnel(503)),
            ("HTTP/1.1 504 Gateway Timeout", NoTunnel(504)),
        ] {
            assert_eq!(judged(line), Some(expected), "{line}");
        }
        for line in [
            "",
            "SSH-2.0-OpenSSH",
            "HTTP/2 200",
            "HTTP/1.1 20",
            "HTTP/1.1 2000",
            "HTTP/1.1 +20",
            "HTTP/1.1 099 x",
        ] {
            assert_eq!(judged(line), None, "{line}");
        }
    }

    #[test]
    fn an_error_that_is_named_decides_over_the_status() {
        for (field, expected) in [
            ("Proxy-Status: p; error=connection_refused", EndpointFailed(ErrorKind::ConnectionRefused)),
            (
                "proxy-status: p;error=connection_timeout;details=\"a; b\"",
                EndpointFailed(ErrorKind::TimedOut),
            ),
            (
                "Proxy-Status: far; received-status=200, near; error=destination_unavailable",
                EndpointFailed(ErrorKind::Other),
            ),
            (
                "Proxy-Status: p; error=destination_ip_unroutable",
                EndpointFailed(ErrorKind::NetworkUnreachable),
            ),
            ("X-Squid-Error: ERR_CONNECT_FAIL 111", EndpointFailed(ErrorKind::Other)),
            ("Proxy-Status: p; error=proxy_internal_error", Refused(503)),
            ("Proxy-Status: p; error=destination_ip_prohibited", Refused(503)),
            // Somebody else's words, an unknown word, and a name that was never to be resolved.
            ("Proxy-Status: p; details=\"x; error=connection_refused\"", NoTunnel(503)),
            ("Proxy-Status: p; details=\"\\\"; error=connection_refused\"", NoTunnel(503)),
            ("Proxy-Status: p; error=something_new", NoTunnel(503)),
            ("Proxy-Status: p; error=dns_error", NoTunnel(503)),
            ("X-Squid-Error: ERR_CANNOT_FORWARD 0", NoTunnel(503)),
            ("Content-Type: text/html", NoTunnel(503)),
        ] {
            assert_eq!(judged(&format!("HTTP/1.1 503 No\r\n{field}")), Some(expected), "{field}");
        }
        // A tunnel is a tunnel, whatever else is said.
        assert_eq!(judged("HTTP/1.1 200 OK\r\nProxy-Status: p; error=connection_refused"), Some(Tunnel));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200), tail in "(HTTP/1.1 [0-9]{3} [ -~]{0,60}\r\nProxy-Status:[ -~]{0,60})?") {
            let _ = judge(&bytes);
            if let Some(answer) = judge(tail.as_bytes()) {
                let ok = tail.as_bytes()[9] == b'2';
                prop_assert_eq!(answer == Tunnel, ok);
            }
        }
    }
}
