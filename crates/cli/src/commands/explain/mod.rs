//! `callbacks explain`: what the service would decide, asked offline.
//!
//! Each topic reads questions from standard input, one JSON object a line, and writes one line of JSON for each. A topic
//! only reads its question and words the answer; the decision is made by the functions the service itself calls, so an
//! explanation cannot drift from the behaviour. No database is opened and no packet is sent. A line that is no question
//! is answered with `{"error": …}`, and the next line is read.

mod address_reading;
mod authorized_domains;
mod canonical;
mod event_match;
mod filter;
mod question_lines;
mod request;
mod retry;
mod topic;
mod url;

pub(super) use topic::Topic;
