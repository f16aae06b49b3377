//! docs/METRICS.md against the names in the code.

use std::{collections::BTreeSet, fs};

use crate::{expect_none, root};

/// Where the names are kept.
const NAME_FILES: [&str; 4] = [
    "crates/core/src/metric_names.rs",
    "crates/core/src/sources/metric_names.rs",
    "crates/egress/src/metric_names.rs",
    "crates/web/src/metric_names.rs",
];

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let in_code: BTreeSet<String> =
        NAME_FILES.iter().flat_map(|file| quoted_names(&read(file), '"')).collect();
    let in_table: BTreeSet<String> = read("docs/METRICS.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| quoted_names(line, '`'))
        .collect();
    let offences: Vec<String> = in_code.symmetric_difference(&in_table).cloned().collect();
    expect_none("metrics that stand in the code or in docs/METRICS.md, but not in both", &offences);
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("the file is there")
}

fn quoted_names(text: &str, quote: char) -> Vec<String> {
    text.split(quote).filter(|part| part.starts_with("callbacks_")).map(str::to_owned).collect()
}
