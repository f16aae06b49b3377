//! Numbers of JSON, as Python or serde write what they read.

use super::json_reader::JsonFault;

/// Most digits of an integer that CPython reads (`sys.get_int_max_str_digits`).
const INTEGER_DIGITS_MAX: usize = 4300;

/// Writes a number as `json.dumps(json.loads(number))` does: integers as they are, everything else as the shortest
/// decimal that reads back as the same double, in `repr`'s form.
pub(super) fn push_python(number: &str, out: &mut String) -> Result<(), JsonFault> {
    if is_short_decimal(number) {
        out.push_str(number);
        return Ok(());
    }
    if !is_integer(number) {
        return double(number).map(|value| push_repr(value, out));
    }
    if number.trim_start_matches('-').len() > INTEGER_DIGITS_MAX {
        return Err(JsonFault::TooManyDigits);
    }
    out.push_str(if number == "-0" { "0" } else { number });
    Ok(())
}

/// Writes a number as `serde_json` does after reading it, except that integers keep all their digits.
pub(super) fn push_serde(number: &str, out: &mut String) -> Result<(), JsonFault> {
    if is_integer(number) && number != "-0" {
        out.push_str(number);
        return Ok(());
    }
    let value = double(number)?;
    let written = serde_json::Number::from_f64(value).ok_or(JsonFault::NotFinite)?;
    out.push_str(&written.to_string());
    Ok(())
}

/// Whether a number is what `repr` would print of it, without reading it: a decimal of at most 15 digits without
/// exponent and without a needless zero at its end. Doubles tell all such decimals apart, so the shortest one that reads
/// back as the same double is the number itself.
fn is_short_decimal(number: &str) -> bool {
    let Some((whole, fraction)) = number.split_once('.') else { return false };
    let whole = whole.trim_start_matches('-');
    whole.len() + fraction.len() <= 15
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (fraction == "0" || !fraction.ends_with('0'))
        && (whole != "0" || fraction == "0" || !fraction.starts_with("0000"))
}

fn is_integer(number: &str) -> bool {
    !number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn double(number: &str) -> Result<f64, JsonFault> {
    number.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(JsonFault::NotFinite)
}

/// Python's `float.__repr__`: the shortest digits, with an exponent below 1e-4 and from 1e16 on.
fn push_repr(value: f64, out: &mut String) {
    if value.is_sign_negative() {
        out.push('-');
    }
    let Some((digits, exponent)) = shortest(value.abs()) else {
        return out.push_str("0.0");
    };
    if (-4..16).contains(&exponent) {
        return push_positional(&digits, exponent, out);
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("e{sign}{:02}", exponent.unsigned_abs()));
}

/// The fewest digits that read back as the same double, and the power of ten of the first; `None` for zero. Taken from
/// `serde_json`, however it lays them out, because of two decimals equally near it takes the even one, as Python does;
/// the standard library takes the greater.
fn shortest(value: f64) -> Option<(String, i32)> {
    let text = serde_json::Number::from_f64(value)?.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let zeros = i32::try_from(digits.len() - significant.len()).ok()?;
    let before_point = i32::try_from(whole.len()).ok()?;
    let significant = significant.trim_end_matches('0');
    (!significant.is_empty()).then(|| (significant.to_owned(), before_point - 1 - zeros + exponent))
}

/// Digits without an exponent; at least one stands on each side of the point.
fn push_positional(digits: &str, exponent: i32, out: &mut String) {
    let Ok(exponent) = usize::try_from(exponent) else {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
        out.push_str(digits);
        return;
    };
    let whole = exponent + 1;
    match digits.split_at_checked(whole) {
        Some((whole, fraction)) => {
            out.push_str(whole);
            out.push('.');
            out.push_str(if fraction.is_empty() { "0" } else { fraction });
        }
        None => {
            out.push_str(digits);
            out.extend(std::iter::repeat_n('0', whole - digits.len()));
            out.push_str(".0");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn python(number: &str) -> Result<String, JsonFault> {
        let mut out = String::new();
        push_python(number, &mut out).map(|()| out)
    }

    #[test]
    fn numbers_as_python_prints_them() {
        for (number, printed) in [
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("0e5", "0.0"),
            ("1E5", "100000.0"),
            ("1e15", "1000000000000000.0"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("1e16", "1e+16"),
            ("1e22", "1e+22"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-1.5e-7", "-1.5e-07"),
            ("123.456", "123.456"),
            // Exactly between two decimals of 16 digits.
            ("82176074874997722e-2", "821760748749977.2"),
            ("821760748749977.75", "821760748749977.8"),
            ("5e-324", "5e-324"),
            ("1e-400", "0.0"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(python(number).as_deref(), Ok(printed), "{number}");
        }
        assert_eq!(python("1e400"), Err(JsonFault::NotFinite));
        assert_eq!(python(&"1".repeat(4301)), Err(JsonFault::TooManyDigits));
    }

    proptest! {
        #[test]
        fn short_decimals_need_no_reading(number in "-?(0|[1-9][0-9]{0,8})\\.[0-9]{1,8}") {
            prop_assume!(is_short_decimal(&number));
            let mut slowly = String::new();
            push_repr(double(&number).expect("finite"), &mut slowly);
            prop_assert_eq!(slowly, number);
        }

        #[test]
        fn what_is_printed_is_the_same_double_and_a_fixed_point(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let printed = python(&format!("{value:e}")).expect("finite");
            prop_assert_eq!(printed.parse::<f64>().expect("a number").to_bits(), value.to_bits());
            prop_assert_eq!(python(&printed).expect("finite"), printed);
        }
    }
}
