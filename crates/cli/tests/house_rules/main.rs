//! The rules of the house, checked by machine: who may import whom, what a file is called and how long it is, that every
//! room has its door-plate. CONTRIBUTING.md says why; a rule that hinders is changed there and here, together.

mod arrows;
mod files;
mod metric_table;
mod source_text;
mod sql_text;
mod tenant_predicates;

use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace is there")
}

/// Fails with all offences at once, so that one run shows all there is to mend.
fn expect_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}
