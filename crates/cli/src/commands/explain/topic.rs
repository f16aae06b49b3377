use std::io;

use clap::Subcommand;

use super::{canonical, event_match, filter, question_lines::answer_lines, request, retry, url};

/// What can be explained.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(in crate::commands) enum Topic {
    /// May a URL be called? {url, resolved?, authorizedDomains?, allowedDomains?, allowedNetworks?} → {verdict, reason}
    Url,
    /// Is an event type wanted? {eventType, patterns} → {matches}
    Match,
    /// Does a filter let an event pass? {expression, payload, eventType?, …} → {matches} or {error}
    Filter,
    /// What follows a failed attempt? {policy, status?|error?, attempt, maxAttempts?} → {retry, delayMs}
    Retry,
    /// What is sent? {profile, scheme?, secret, secrets?, id, eventType, timestamp, attempt?, payload, …} → {method, headers, bodyBase64}
    Request,
    /// How is JSON written that Python's systems sign? {payload} → {canonical} or {error}
    Canonical,
}

impl Topic {
    /// Answers every line of standard input.
    pub(in crate::commands) fn run(self) -> anyhow::Result<()> {
        let (input, output) = (io::stdin().lock(), io::stdout().lock());
        match self {
            Self::Url => answer_lines(input, output, url::answer),
            Self::Match => answer_lines(input, output, event_match::answer),
            Self::Filter => answer_lines(input, output, filter::answer),
            Self::Retry => answer_lines(input, output, retry::answer),
            Self::Request => answer_lines(input, output, request::answer),
            Self::Canonical => answer_lines(input, output, canonical::answer),
        }?;
        Ok(())
    }
}
