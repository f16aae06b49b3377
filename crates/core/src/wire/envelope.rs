//! The body of a delivery: the payload, wrapped as the configuration says, written in its body format.

use bytes::Bytes;
use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::envelope::Envelope;

use super::canonical_json::{Form, JsonFault, push, push_own_text, sort};
use super::envelope_fields::{Field, Part, fields_of};
use super::facts::{DeliveryFacts, WireError};
use super::json_number::push_python;
use super::json_reader::{Json, Member, read};
use super::json_text::{Escapes, decoded, push_text};

/// A finished body, and what headers want to know about it.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) body: Bytes,
    /// What it is wrapped in.
    pub(super) envelope: Envelope,
    /// Its member `version`, as text.
    pub(super) version: Option<String>,
}

/// Makes the body.
///
/// # Errors
/// [`WireError::Payload`] when the payload is not the JSON this envelope or format needs.
pub(super) fn compose(
    envelope: Envelope,
    format: BodyFormat,
    facts: &DeliveryFacts<'_>,
) -> Result<Composed, WireError> {
    if envelope == Envelope::Event && format == BodyFormat::Raw {
        return Ok(Composed { body: facts.payload.clone(), envelope, version: None });
    }
    let mut parsed = parse(facts.payload);
    if let (Ok(payload), Some(_)) = (&mut parsed, form(format)) {
        sort(&mut payload.json);
    }
    if envelope == Envelope::CloudEvents && !is_json_data(facts, &parsed) {
        return Ok(wrapped(
            envelope,
            format,
            None,
            &fields_of(envelope, facts, Part::Base64(facts.payload)),
        )?);
    }
    let payload = parsed?;
    match &payload.json {
        Json::Object(members) if envelope == Envelope::Payload => {
            let inner = last(members, "payload");
            Ok(whole(
                &payload,
                inner.map_or(payload.source, |member| member.source),
                inner,
                envelope,
                format,
            )?)
        }
        _ if matches!(envelope, Envelope::Event | Envelope::Payload) => {
            Ok(whole(&payload, payload.source, None, envelope, format)?)
        }
        _ => Ok(wrapped(envelope, format, Some(&payload), &fields_of(envelope, facts, Part::Payload))?),
    }
}

/// A payload as JSON.
struct Payload<'a> {
    json: Json<'a>,
    source: &'a str,
}

fn parse(payload: &Bytes) -> Result<Payload<'_>, JsonFault> {
    let source = std::str::from_utf8(payload).map_err(|_| JsonFault::NotUtf8)?;
    Ok(Payload { json: read(source)?, source })
}

/// CloudEvents carry data that is no JSON too, as base64.
fn is_json_data(facts: &DeliveryFacts<'_>, parsed: &Result<Payload<'_>, JsonFault>) -> bool {
    parsed.is_ok() && facts.content_type.is_none_or(|media| media.to_ascii_lowercase().contains("json"))
}

fn last<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    members.iter().rev().find(|member| member.key == key)
}

/// The payload, or one member of it, as the body.
fn whole(
    payload: &Payload<'_>,
    source: &str,
    member: Option<&Member<'_>>,
    envelope: Envelope,
    format: BodyFormat,
) -> Result<Composed, JsonFault> {
    let json = member.map_or(&payload.json, |member| &member.value);
    let version = version_of(json)?;
    let body = match form(format) {
        // The same bytes as received.
        None => source.to_owned(),
        Some(form) => {
            let mut out = String::with_capacity(source.len() + source.len() / 8);
            push(json, form, &mut out)?;
            out
        }
    };
    Ok(Composed { body: Bytes::from(body), envelope, version })
}

fn wrapped(
    envelope: Envelope,
    format: BodyFormat,
    payload: Option<&Payload<'_>>,
    fields: &[Field<'_>],
) -> Result<Composed, JsonFault> {
    let form = form(format);
    let mut order: Vec<&Field<'_>> = fields.iter().collect();
    if form.is_some() {
        order.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }
    let mut out = String::with_capacity(256 + payload.map_or(0, |payload| payload.source.len() * 9 / 8));
    for (position, field) in order.into_iter().enumerate() {
        out.push(if position == 0 { '{' } else { ',' });
        push_own(&field.name, form, &mut out);
        out.push(':');
        match (&field.part, payload) {
            (Part::Text(text), _) => push_own(text, form, &mut out),
            (Part::Number(number), _) => out.push_str(&number.to_string()),
            (Part::Base64(bytes), _) => push_base64(bytes, &mut out),
            (Part::Payload, Some(payload)) => match form {
                Some(form) => push(&payload.json, form, &mut out)?,
                None => out.push_str(payload.source.trim_matches([' ', '\t', '\r', '\n'])),
            },
            (Part::Payload, None) => out.push_str("null"),
        }
    }
    out.push('}');
    let version = (envelope == Envelope::SvcInfra).then(|| "1".to_owned());
    Ok(Composed { body: Bytes::from(out), envelope, version })
}

fn form(format: BodyFormat) -> Option<Form> {
    match format {
        BodyFormat::Raw => None,
        BodyFormat::Canonical => Some(Form::Python),
        BodyFormat::Sorted => Some(Form::Serde),
    }
}

fn push_own(text: &str, form: Option<Form>, out: &mut String) {
    match form {
        Some(form) => push_own_text(text, form, out),
        None => push_text(text, Escapes::Minimal, out),
    }
}

fn push_base64(bytes: &Bytes, out: &mut String) {
    use base64::Engine as _;
    out.push('"');
    base64::engine::general_purpose::STANDARD.encode_string(bytes, out);
    out.push('"');
}

/// Python's `str()` of a number, or a text; nothing else is a version.
fn version_of(json: &Json<'_>) -> Result<Option<String>, JsonFault> {
    let Json::Object(members) = json else { return Ok(None) };
    match last(members, "version").map(|member| &member.value) {
        Some(Json::Number(number)) => {
            let mut text = String::new();
            push_python(number, &mut text)?;
            Ok(Some(text))
        }
        Some(Json::Text(text)) => Ok(Some(decoded(*text)?.into_owned())),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::facts;
    use super::*;

    fn body(envelope: Envelope, format: BodyFormat, payload: &str) -> Result<String, WireError> {
        let payload = Bytes::from(payload.to_owned());
        let composed = compose(envelope, format, &facts(&payload))?;
        Ok(String::from_utf8(composed.body.to_vec()).expect("text"))
    }

    #[test]
    fn every_envelope_in_both_forms() {
        for (envelope, raw, canonical) in [
            (Envelope::Event, r#" {"b":1.50,"a":"é"} "#, r#"{"a":"\u00e9","b":1.5}"#),
            (
                Envelope::SvcInfra,
                r#"{"topic":"order.created","payload":{"b":1.50,"a":"é"},"version":1,"created_at":"2025-11-01T09:59:58.500000+00:00"}"#,
                r#"{"created_at":"2025-11-01T09:59:58.500000+00:00","payload":{"a":"\u00e9","b":1.5},"topic":"order.created","version":1}"#,
            ),
            (
                Envelope::Dealix,
                r#"{"id":"evt 1","type":"order.created","customer_id":"acme","timestamp":1761991198,"api_version":"v1","data":{"b":1.50,"a":"é"}}"#,
                r#"{"api_version":"v1","customer_id":"acme","data":{"a":"\u00e9","b":1.5},"id":"evt 1","timestamp":1761991198,"type":"order.created"}"#,
            ),
            (
                Envelope::Servo,
                r#"{"event":"after:order.created","created_at":"2025-11-01T09:59:58.500Z","results":{"b":1.50,"a":"é"}}"#,
                r#"{"created_at":"2025-11-01T09:59:58.500Z","event":"after:order.created","results":{"a":"\u00e9","b":1.5}}"#,
            ),
            (
                Envelope::Standard,
                r#"{"type":"order.created","timestamp":"2025-11-01T09:59:58.500Z","data":{"b":1.50,"a":"é"}}"#,
                r#"{"data":{"a":"\u00e9","b":1.5},"timestamp":"2025-11-01T09:59:58.500Z","type":"order.created"}"#,
            ),
            (
                Envelope::CloudEvents,
                r#"{"specversion":"1.0","id":"evt 1","source":"shop","type":"order.created","time":"2025-11-01T09:59:58.500Z","datacontenttype":"application/json","data":{"b":1.50,"a":"é"}}"#,
                r#"{"data":{"a":"\u00e9","b":1.5},"datacontenttype":"application/json","id":"evt 1","source":"shop","specversion":"1.0","time":"2025-11-01T09:59:58.500Z","type":"order.created"}"#,
            ),
        ] {
            let payload = r#" {"b":1.50,"a":"é"} "#;
            assert_eq!(body(envelope, BodyFormat::Raw, payload).as_deref(), Ok(raw), "{envelope}");
            assert_eq!(
                body(envelope, BodyFormat::Canonical, payload).as_deref(),
                Ok(canonical),
                "{envelope}"
            );
        }
    }

    #[test]
    fn the_payload_member_or_all_of_it() {
        let of = |payload| body(Envelope::Payload, BodyFormat::Raw, payload);
        assert_eq!(of(r#"{"payload":1,"payload": {"x": 2}}"#).as_deref(), Ok(r#"{"x": 2}"#));
        assert_eq!(of(r#"{"other":1}"#).as_deref(), Ok(r#"{"other":1}"#));
        assert_eq!(of("[1]").as_deref(), Ok("[1]"));
    }

    #[test]
    fn what_is_no_json_is_refused_only_where_json_is_needed() {
        let binary = Bytes::from_static(&[0xff, 0]);
        let composed = |envelope, format| compose(envelope, format, &facts(&binary));
        assert_eq!(composed(Envelope::Event, BodyFormat::Raw).expect("sent as it is").body, binary);
        for envelope in
            [Envelope::Payload, Envelope::SvcInfra, Envelope::Dealix, Envelope::Servo, Envelope::Standard]
        {
            let refused = composed(envelope, BodyFormat::Raw).expect_err("needs JSON");
            assert_eq!(refused, WireError::Payload(JsonFault::NotUtf8), "{envelope}");
        }
        assert!(composed(Envelope::Event, BodyFormat::Canonical).is_err());
        let event = composed(Envelope::CloudEvents, BodyFormat::Raw).expect("as base64").body;
        let event = String::from_utf8(event.to_vec()).expect("text");
        assert!(
            event.ends_with(r#""datacontenttype":"application/octet-stream","data_base64":"/wA="}"#),
            "{event}"
        );
    }
}
