//! What a file is called, how long it and its functions are, and what stands on its door.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    expect_none, root,
    source_text::{code_only, functions},
};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 12] = [
    "util", "utils", "common", "helper", "helpers", "type", "types", "misc", "manager", "managers", "base",
    "stuff",
];

#[test]
fn files_have_telling_names() {
    let offences: Vec<String> = sources()
        .iter()
        .filter(|path| path.file_stem().is_some_and(|stem| EMPTY_NAMES.iter().any(|name| *name == stem)))
        .map(|path| shown(path))
        .collect();
    expect_none("a file is one noun you could draw, and named for it", &offences);
}

#[test]
fn files_are_short() {
    let offences: Vec<String> = sources()
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", shown(path)))
        .collect();
    expect_none(&format!("a file has at most {FILE_LINES} lines"), &offences);
}

#[test]
fn functions_are_short() {
    let mut offences = Vec::new();
    for path in sources() {
        for function in functions(&code_only(&read(&path))) {
            if function.lines > FUNCTION_LINES {
                offences.push(format!("{}: {} has {} lines", shown(&path), function.name, function.lines));
            }
        }
    }
    expect_none(&format!("a function has at most {FUNCTION_LINES} lines of code"), &offences);
}

#[test]
fn every_room_has_its_door_plate() {
    let offences: Vec<String> = sources()
        .iter()
        .filter(|path| is_door(path) && !read(path).starts_with("//!"))
        .map(|path| shown(path))
        .collect();
    expect_none("lib.rs, main.rs and mod.rs begin with the room's story (`//!`)", &offences);
}

#[test]
fn door_plates_hold_no_furniture() {
    let offences: Vec<String> = sources()
        .iter()
        .filter(|path| is_door(path) && !path.ends_with("main.rs"))
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|path| !functions(&code_only(&read(path))).is_empty())
        .map(|path| shown(path))
        .collect();
    expect_none("lib.rs and mod.rs hold `mod` and `use` lines, no functions", &offences);
}

#[test]
fn migrations_have_a_number_each() {
    let names: Vec<String> = fs::read_dir(root().join("migrations"))
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sql"))
        .collect();
    let number = |name: &str| name.split_once('_').map(|(number, _)| number.to_owned());
    let offences: Vec<String> = names
        .iter()
        .filter(|name| {
            let own = number(name);
            let is_number =
                own.as_ref().is_some_and(|n| n.len() == 4 && n.chars().all(|c| c.is_ascii_digit()));
            !is_number || names.iter().filter(|other| number(other) == own).count() > 1
        })
        .cloned()
        .collect();
    expect_none("migrations are NNNN_one_change.sql, no number twice", &offences);
}

fn is_door(path: &Path) -> bool {
    ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.ends_with(name))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["crates", "bench"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the walk found the workspace");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("UTF-8 text")
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
