//! Reads the Prometheus text this process exposes, to answer the Spring-style `/actuator/metrics` questions from it.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One sample line of the exposition text.
#[derive(Debug, Clone, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

/// A metric as `/actuator/metrics/{name}` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricReport {
    /// The metric's name.
    pub name: String,
    /// The text of its `# HELP` line, if there is one.
    pub description: Option<String>,
    /// Aggregated values, one per statistic.
    pub measurements: Vec<Measurement>,
    /// Labels and the values seen for them.
    pub available_tags: Vec<AvailableTag>,
}

/// One statistic of a metric: `VALUE` for gauges, `COUNT`/`TOTAL` for counters and summaries.
#[derive(Debug, Serialize)]
pub struct Measurement {
    /// `VALUE`, `COUNT` or `TOTAL`.
    pub statistic: &'static str,
    /// Sum over all matching samples.
    pub value: f64,
}

/// A label of a metric with the values it takes.
#[derive(Debug, Serialize)]
pub struct AvailableTag {
    /// Label name.
    pub tag: String,
    /// Values seen.
    pub values: BTreeSet<String>,
}

/// Names of all metrics in the text, sorted, histograms and summaries once.
#[must_use]
pub fn names(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|rest| rest.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The report for one metric, restricted to samples that carry every one of `tags`; `None` if the name is unknown.
#[must_use]
pub fn report(text: &str, name: &str, tags: &[(String, String)]) -> Option<MetricReport> {
    if !names(text).contains(name) {
        return None;
    }
    let help = format!("# HELP {name} ");
    let description = text.lines().find_map(|line| line.strip_prefix(help.as_str())).map(str::to_owned);
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in text.lines().filter_map(parse_sample) {
        let Some(statistic) = statistic_of(sample.name, name) else { continue };
        let wanted =
            tags.iter().all(|(key, value)| sample.labels.iter().any(|(k, v)| k == key && v == value));
        if !wanted {
            continue;
        }
        *sums.entry(statistic).or_default() += sample.value;
        for (label, value) in sample.labels {
            seen.entry(label.to_owned()).or_default().insert(value);
        }
    }
    Some(MetricReport {
        name: name.to_owned(),
        description,
        measurements: sums.into_iter().map(|(statistic, value)| Measurement { statistic, value }).collect(),
        available_tags: seen.into_iter().map(|(tag, values)| AvailableTag { tag, values }).collect(),
    })
}

fn statistic_of(sample: &str, metric: &str) -> Option<&'static str> {
    let suffix = sample.strip_prefix(metric)?;
    match suffix {
        "" if metric.ends_with("_total") => Some("COUNT"),
        "" => Some("VALUE"),
        "_count" => Some("COUNT"),
        "_sum" => Some("TOTAL"),
        _ => None,
    }
}

fn parse_sample(line: &str) -> Option<Sample<'_>> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => parse_labels(inner)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

type Labels<'a> = Vec<(&'a str, String)>;

fn parse_labels(mut text: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (label, rest) = text.split_once("=\"")?;
        let (value, rest) = unquote(rest)?;
        labels.push((label, value));
        text = rest;
    }
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total how many a\n# TYPE a_total counter\na_total{k=\"x\",l=\"q\\\"z\"} 2\na_total{k=\"y\"} 3\n\
                        # TYPE s summary\ns{quantile=\"0.5\"} 0.1\ns_sum 4.5\ns_count 9\n\n# TYPE g gauge\ng 7 1700000000\n";

    #[test]
    fn lists_each_metric_once() {
        assert_eq!(names(TEXT).into_iter().collect::<Vec<_>>(), ["a_total", "g", "s"]);
    }

    #[test]
    fn sums_and_narrows_by_tag() {
        let all = report(TEXT, "a_total", &[]).expect("known");
        assert_eq!(all.description.as_deref(), Some("how many a"));
        assert!((all.measurements[0].value - 5.0).abs() < f64::EPSILON);
        let one = report(TEXT, "a_total", &[("k".into(), "y".into())]).expect("known");
        assert!((one.measurements[0].value - 3.0).abs() < f64::EPSILON);
        assert!(report(TEXT, "nope", &[]).is_none());
    }

    #[test]
    fn a_summary_has_count_and_total() {
        let summary = report(TEXT, "s", &[]).expect("known");
        let statistics: Vec<_> = summary.measurements.iter().map(|m| m.statistic).collect();
        assert!(statistics.contains(&"COUNT") && statistics.contains(&"TOTAL"));
    }
}
