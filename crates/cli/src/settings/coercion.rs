use config::{Value, ValueKind};

/// Reads the text of a variable as the kind the setting's default has. `Err` says what was expected.
pub(super) fn from_text(text: &str, like: &ValueKind) -> Result<ValueKind, &'static str> {
    let text = text.trim();
    match like {
        ValueKind::Boolean(_) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(ValueKind::Boolean(true)),
            "false" | "no" | "off" | "0" => Ok(ValueKind::Boolean(false)),
            _ => Err("true or false"),
        },
        ValueKind::I64(_) => text.parse().map(ValueKind::I64).map_err(|_| "a whole number"),
        ValueKind::Float(_) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(ValueKind::Float(number)),
            _ => Err("a number"),
        },
        ValueKind::Array(_) => Ok(ValueKind::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::new(None, ValueKind::String(item.to_owned())))
                .collect(),
        )),
        _ => Ok(ValueKind::String(text.to_owned())),
    }
}

/// Accepts a file's value when it is of the default's kind; a whole number will do where a fraction may stand.
pub(super) fn from_file(kind: ValueKind, like: &ValueKind) -> Result<ValueKind, &'static str> {
    match (&kind, like) {
        (ValueKind::Boolean(_), ValueKind::Boolean(_))
        | (ValueKind::I64(_), ValueKind::I64(_))
        | (ValueKind::Float(_), ValueKind::Float(_))
        | (ValueKind::String(_), ValueKind::String(_))
        | (ValueKind::Array(_), ValueKind::Array(_)) => Ok(kind),
        (ValueKind::I64(whole), ValueKind::Float(_)) => from_text(&whole.to_string(), like),
        (_, ValueKind::Boolean(_)) => Err("true or false"),
        (_, ValueKind::I64(_)) => Err("a whole number"),
        (_, ValueKind::Float(_)) => Err("a number"),
        (_, ValueKind::Array(_)) => Err("a list"),
        _ => Err("a text in quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_what_the_default_is() {
        let list = ValueKind::Array(Vec::new());
        assert_eq!(from_text(" 8080 ", &ValueKind::I64(1)), Ok(ValueKind::I64(8080)));
        assert_eq!(from_text("YES", &ValueKind::Boolean(false)), Ok(ValueKind::Boolean(true)));
        assert_eq!(from_text("", &list), Ok(list.clone()));
        assert!(matches!(from_text("a, b,", &list), Ok(ValueKind::Array(items)) if items.len() == 2));
        for (text, like) in [
            ("8080x", ValueKind::I64(1)),
            ("NaN", ValueKind::Float(1.0)),
            ("maybe", ValueKind::Boolean(true)),
        ] {
            assert!(from_text(text, &like).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_must_use_the_right_kind() {
        assert_eq!(from_file(ValueKind::I64(2), &ValueKind::Float(1.5)), Ok(ValueKind::Float(2.0)));
        assert!(from_file(ValueKind::String("1".to_owned()), &ValueKind::I64(1)).is_err());
    }
}
