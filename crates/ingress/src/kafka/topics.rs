//! Which topics a subscription reads. Pure.
//!
//! `topicOrQueue` names one topic or several, separated by commas. In a name `*` is any run of characters and `?` any one
//! of them; everything else means itself. (The compatible system turned `customer.*` into the pattern "customer followed by
//! dots".)

/// The broker's own topics, which no wildcard means.
pub(super) const INTERNAL_TOPICS: &str = "^__.*$";

/// What to subscribe to: literal names, and patterns as librdkafka wants them, beginning with `^`.
///
/// # Errors
/// When there is no name in it.
pub(super) fn subscription(topics: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        topics.split(',').map(str::trim).filter(|name| !name.is_empty()).map(one).collect();
    if names.is_empty() {
        return Err("topicOrQueue names no topic".to_owned());
    }
    Ok(names)
}

/// Whether any of the names is a pattern.
pub(super) fn has_pattern(subscribed: &[String]) -> bool {
    subscribed.iter().any(|name| name.starts_with('^'))
}

fn one(name: &str) -> String {
    if !name.contains(['*', '?']) {
        return name.to_owned();
    }
    let mut pattern = String::from("^");
    for character in name.chars() {
        match character {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            _ if character.is_alphanumeric() || matches!(character, '_' | '-') => pattern.push(character),
            other => {
                pattern.push('\\');
                pattern.push(other);
            }
        }
    }
    pattern.push('$');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_mean_what_they_say_and_nothing_else_does() {
        let wanted = ["orders", r"^customer\..*$", "^.*$", r"^a.b\+$"];
        assert_eq!(
            subscription(" orders, customer.*,* ,a?b+").as_deref(),
            Ok(wanted.map(str::to_owned).as_slice())
        );
    }

    #[test]
    fn a_name_alone_is_never_a_pattern() {
        let subscribed = subscription("a.b").expect("a topic");
        assert_eq!(subscribed, ["a.b"]);
        assert!(!has_pattern(&subscribed));
    }

    #[test]
    fn nothing_is_refused() {
        assert!(subscription(" , ").is_err());
    }
}
