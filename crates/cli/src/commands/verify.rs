use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use callbacks_core::clock::{Clock as _, SystemClock};
use callbacks_sdk::received::Received;
use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::{TOLERANCE, verify_request};

use super::text_input::{read_bytes, read_text};

/// Longest body and head that are read, in bytes.
const BODY_MAX: usize = 64 << 20;
const HEAD_MAX: usize = 1 << 20;

/// Check the signature of a captured callback
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Verify {
    /// Secret of the configuration (for Ed25519 its public key, whpk_…); repeat it during a rotation
    #[arg(long, required = true, env = "CALLBACK_SECRET", hide_env_values = true)]
    secret: Vec<String>,
    /// How it is signed
    #[arg(long, default_value = "FIREFLY", value_parser = scheme)]
    scheme: SignatureScheme,
    /// Header the signature is in, unless it is the scheme's own
    #[arg(long, value_name = "NAME")]
    signature_header: Option<String>,
    /// A header as received, `Name: value`; repeatable
    #[arg(long = "header", short = 'H', value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// File with the headers as received, one a line; other lines are skipped
    #[arg(long, value_name = "FILE")]
    headers_file: Option<PathBuf>,
    /// When it arrived, in seconds since 1970, for schemes that sign a time; now unless given
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// Seconds a signed time may lie away from that
    #[arg(long, value_name = "SECONDS")]
    tolerance: Option<u64>,
    /// File with the body, byte by byte as received; - is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    body: PathBuf,
}

impl Verify {
    /// Ends with an error when the callback must not be trusted.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        if let Some(file) = &self.headers_file {
            let found = headers_in(&read_text(file, HEAD_MAX)?);
            self.headers.extend(found);
        }
        let name = self.signature_header.as_deref().unwrap_or(self.scheme.default_header());
        if !self.headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name)) {
            bail!("the header {name} is missing; give it by --header or --headers-file");
        }
        let body = read_bytes(Path::new(&self.body), BODY_MAX)?;
        let secrets: Vec<&str> = self.secret.iter().map(String::as_str).collect();
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let received = Received {
            tolerance: self.tolerance.map_or(TOLERANCE, Duration::from_secs),
            signature_header: Some(name),
            ..Received::new(&headers, &body, self.at.unwrap_or_else(|| SystemClock.now().unix_timestamp()))
        };
        verify_request(self.scheme, &secrets, &received)
            .map_err(|error| anyhow!("{}: {error}", error.code()))
            .context("not verified")?;
        writeln!(io::stdout(), "verified: {} bytes, signed by this secret", body.len())?;
        Ok(())
    }
}

fn scheme(name: &str) -> Result<SignatureScheme, String> {
    SignatureScheme::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = SignatureScheme::ALL.iter().map(|(name, _)| *name).collect();
        format!("one of {}", known.join(", "))
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Headers of a dump such as curl's or a proxy's: status and request lines, and marks before a line, are skipped.
fn headers_in(head: &str) -> Vec<(String, String)> {
    let lines = head.lines().map(|line| line.trim_start_matches(['<', '>', ' ']));
    lines.filter_map(|line| header(line).ok()).filter(|(name, _)| !name.contains([' ', '/'])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_a_dump() {
        let head =
            "POST /hook HTTP/1.1\r\n> Host: a.example:80\r\nX-Firefly-Signature: abc=\r\n\r\n{\"a\":1}";
        let found = headers_in(head);
        assert_eq!(
            found[..2],
            [
                ("Host".to_owned(), "a.example:80".to_owned()),
                ("X-Firefly-Signature".to_owned(), "abc=".to_owned())
            ]
        );
        assert!(header("nothing").is_err());
    }
}
