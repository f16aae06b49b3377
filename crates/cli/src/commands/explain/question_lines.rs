use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Why a question has no answer: text for the person who asked.
pub(super) type Unanswerable = String;

/// Answers questions line by line: one line out for each line in, also for lines that are no question.
///
/// # Errors
/// Only when reading or writing fails.
pub(super) fn answer_lines<Q: DeserializeOwned, A: Serialize>(
    mut input: impl BufRead,
    mut output: impl Write,
    answer: impl Fn(&Q) -> Result<A, Unanswerable>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let question = serde_json::from_slice(&line).map_err(|error| format!("not a question: {error}"));
        let answered = question.and_then(|question| answer(&question)).and_then(|answer| {
            serde_json::to_string(&answer).map_err(|error| format!("the answer cannot be written: {error}"))
        });
        let text = answered.unwrap_or_else(|error| json!({ "error": error }).to_string());
        // Whoever asks question by question waits for the answer.
        writeln!(output, "{text}")?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_line_gets_its_line() {
        let input = b"{\"a\":1}\n{\n\n\xff\nnull\n{\"a\":2}".as_slice();
        let mut output = Vec::new();
        answer_lines(input, &mut output, |question: &Value| {
            question["a"].as_i64().map(|a| json!({"b": a})).ok_or_else(|| "no a".to_owned())
        })
        .expect("memory can be read and written");
        let lines: Vec<Value> = String::from_utf8(output)
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 6);
        assert_eq!((&lines[0]["b"], &lines[5]["b"]), (&json!(1), &json!(2)));
        assert!(lines[1..5].iter().all(|line| line["error"].is_string()), "{lines:?}");
    }
}
