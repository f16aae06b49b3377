//! What a process costs, as Linux counts it in /proc: processor time and resident memory.

use std::fs;

use anyhow::{Context, Result};

/// Linux reports processor time in hundredths of a second to every program (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds that process `pid` has used itself.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    Ok(Stat::read(pid)?.own)
}

/// Processor seconds of `pid`, its living children, and those of its children that have ended.
///
/// PostgreSQL is a parent with one child a connection; the parent inherits the time of children that exit.
pub(crate) fn cpu_seconds_with_children(pid: u32) -> Result<f64> {
    let parent = Stat::read(pid)?;
    let children = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A child that ends between the listing and the reading is counted by its parent at the next reading.
    let living = children.filter_map(|child| Stat::read(child).ok()).filter(|child| child.parent == pid);
    Ok(parent.own + parent.ended_children + living.map(|child| child.own + child.ended_children).sum::<f64>())
}

/// Resident memory of `pid` in mebibytes.
pub(crate) fn resident_mebibytes(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat"))?)
    }

    /// Field numbers as in proc(5); the process name, which may hold blanks, ends at the last bracket.
    fn parse(line: &str) -> Result<Self> {
        let (_, after_name) = line.rsplit_once(')').context("an unreadable stat line")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).context("a short stat line");
        let seconds =
            |number: usize| -> Result<f64> { Ok(field(number)?.parse::<f64>()? / TICKS_PER_SECOND) };
        Ok(Self {
            parent: field(4)?.parse()?,
            own: seconds(14)? + seconds(15)?,
            ended_children: seconds(16)? + seconds(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_a_name_with_blanks_and_brackets() {
        let line = "7 (a (b) c) S 3 7 7 0 -1 4194304 1 2 3 4 150 50 200 100 20 0 1 0 5";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.parent, stat.own, stat.ended_children), (3, 2.0, 3.0));
    }

    #[test]
    fn this_process_has_a_cost() {
        assert!(resident_mebibytes(std::process::id()).expect("is readable") > 0.5);
        assert!(cpu_seconds(std::process::id()).expect("is readable") >= 0.0);
    }
}
