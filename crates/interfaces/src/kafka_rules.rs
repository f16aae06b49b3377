//! What a Kafka subscription may name: topics that can exist and are no broker's own, and no property that would read a
//! file or load code here. (Which properties are known at all is the ingress crate's list.)

use crate::event_subscription_draft::EventSubscriptionDraft;
use crate::field_reader::FieldReader;

/// Kafka's own limit.
const TOPIC_MAX_CHARS: usize = 249;
const LOADS_OR_RUNS: [&str; 2] = ["plugin.library.paths", "sasl.kerberos.kinit.cmd"];

/// Records what is wrong with a subscription of a Kafka topic; others have nothing to fear here.
pub(crate) fn check(reader: &mut FieldReader<'_>, draft: &EventSubscriptionDraft) {
    if !draft.messaging_system_type.eq_ignore_ascii_case("KAFKA") {
        return;
    }
    let topics = draft.topic_or_queue.split(',').map(str::trim).filter(|topic| !topic.is_empty());
    if let Some(problem) = topics.filter_map(topic_problem).next() {
        reader.fail("topicOrQueue", "Pattern", problem);
    }
    let configs =
        [("connectionConfig", &draft.connection_config), ("consumerProperties", &draft.consumer_properties)];
    for (field, config) in configs {
        for name in config.iter().flatten().map(|(name, _)| name).filter(|name| reaches_the_machine(name)) {
            let message =
                format!("{name} is not allowed: it reads files or runs code of the service; remove it");
            reader.fail(field, "PropertyNotAllowed", message);
        }
    }
}

/// `*` and `?` make a pattern of a name; it never means the broker's own topics.
fn topic_problem(topic: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '?');
    if topic.len() > TOPIC_MAX_CHARS {
        Some("A Kafka topic's name must not exceed 249 characters")
    } else if !topic.chars().all(allowed) || matches!(topic, "." | "..") {
        Some(
            "A Kafka topic's name consists of letters, digits, '.', '_' and '-', and of '*' and '?' in a pattern",
        )
    } else if topic.starts_with("__") {
        Some("Topics whose names begin with '__' are the broker's own and cannot be subscribed to")
    } else {
        None
    }
}

fn reaches_the_machine(property: &str) -> bool {
    let property = property.trim().to_ascii_lowercase();
    property.ends_with(".location") || LOADS_OR_RUNS.contains(&property.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_those_that_kafka_can_have() {
        let longest = "t".repeat(TOPIC_MAX_CHARS);
        for fine in ["orders", "a.b_c-1", "customer.*", "*", "a?", longest.as_str()] {
            assert_eq!(topic_problem(fine), None, "{fine}");
        }
        let too_long = "t".repeat(TOPIC_MAX_CHARS + 1);
        for refused in
            ["../../etc", ".", "..", "a b", "\u{e9}", "__consumer_offsets", "a/b", too_long.as_str()]
        {
            assert!(topic_problem(refused).is_some(), "{refused}");
        }
    }

    #[test]
    fn files_and_code_are_out_of_reach() {
        for refused in
            ["ssl.key.location", "SSL.Keystore.Location", "plugin.library.paths", "sasl.kerberos.kinit.cmd"]
        {
            assert!(reaches_the_machine(refused), "{refused}");
        }
        assert!(!reaches_the_machine("sasl.jaas.config") && !reaches_the_machine("ssl.ca.pem"));
    }
}
