//! How deep JSON is nested, without parsing it.

/// Deepest nesting of a payload: what JSON parsers of receivers can be expected to read.
pub const PAYLOAD_MAX_DEPTH: usize = 128;

/// Whether valid JSON is nested deeper than allowed. Counting the opening brackets first is enough
/// for nearly every payload, and is much faster than following strings and escapes.
#[must_use]
pub fn is_too_deep(json: &[u8]) -> bool {
    let opening = |byte: &u8| matches!(byte, b'[' | b'{');
    if json.len() <= 2 * PAYLOAD_MAX_DEPTH
        || json.iter().filter(|byte| opening(byte)).count() <= PAYLOAD_MAX_DEPTH
    {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.iter().copied() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > PAYLOAD_MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
