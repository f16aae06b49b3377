//! The commands as a person or a script uses them: the real binary, its output and its exit code.

mod applying;
mod explaining;
mod offline;
mod support;
mod talking;
