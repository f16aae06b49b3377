use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};

/// Reads a text file, or standard input when the path is `-`; at most `limit` bytes.
pub(super) fn read_text(path: &Path, limit: usize) -> anyhow::Result<String> {
    let bytes = read_bytes(path, limit)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

/// Reads a file, or standard input when the path is `-`; at most `limit` bytes.
pub(super) fn read_bytes(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)
    };
    let mut bytes = Vec::new();
    let read = reader.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() > limit {
        bail!("{} is longer than {limit} bytes", path.display());
    }
    Ok(bytes)
}
