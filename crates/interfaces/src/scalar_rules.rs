//! Rules about single JSON values that several fields share.

use serde_json::Value;

/// The number, when it is whole: `5`, `5.0` and `5e0` are. One beyond 64 bits becomes the nearest.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(number) = number.as_i64() {
        return Some(number);
    }
    let float = number.as_f64()?;
    // A float cast saturates, and every bound is far below where floats lose whole numbers.
    #[expect(clippy::cast_possible_truncation, reason = "saturation is wanted")]
    (float.fract() == 0.0).then_some(float as i64)
}

/// Whether NUL, which no database text can hold, is anywhere in the value.
pub(crate) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(key, member)| key.contains('\0') || holds_nul(member)),
        _ => false,
    }
}

/// Whether the text looks like `local@domain`.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@,;:<>()[]\\\"".contains(c))
    };
    local.chars().count() <= 64 && plain(local) && plain(domain)
}
