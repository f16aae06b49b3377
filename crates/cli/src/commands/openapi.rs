use std::io::{self, Write};

/// Prints the OpenAPI document, as it is checked in under openapi/.
pub(super) fn run() -> anyhow::Result<()> {
    let document = serde_json::to_string_pretty(&callbacks_web::openapi())?;
    writeln!(io::stdout(), "{document}")?;
    Ok(())
}
