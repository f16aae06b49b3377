use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// One run of `callbacks`.
pub(crate) struct Program {
    command: Command,
    input: Vec<u8>,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Program {
    /// `callbacks` with arguments.
    pub(crate) fn run(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbacks"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in ["CALLBACKS_URL", "CALLBACKS_API_KEY", "CALLBACK_SECRET"] {
            command.env_remove(variable);
        }
        Self { command, input: Vec::new() }
    }

    /// With a variable of the environment.
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// With something on standard input.
    pub(crate) fn reading(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        let mut child = self.command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let writer = std::thread::spawn(move || {
            // A program that does not read its input leaves early.
            let _left_early = stdin.write_all(&self.input);
        });
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("the input is written");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
    }

    /// Its output, when it ended well.
    pub(crate) fn output(self) -> String {
        let ended = self.ended();
        assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.errors);
        ended.output
    }
}

/// Asks `callbacks explain` questions, one a line.
pub(crate) fn explain(topic: &str, questions: &[Value]) -> Vec<Value> {
    let input: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let output = Program::run(&["explain", topic]).reading(input).output();
    let answers: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}
