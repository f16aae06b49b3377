//! Regular expressions in filters: linear in the text by construction, but compiled again at every use, which takes as
//! long as the compiled form is large.

use regex::RegexBuilder;

/// Sizes of a compiled pattern in bytes, and the units of work (about 100 ns) that compiling one of that size takes.
const SIZES: [(usize, u64); 3] = [(1 << 15, 500), (1 << 18, 5_000), (1 << 20, 40_000)];

/// The work of using a pattern once.
///
/// # Errors
/// A sentence that says what is wrong with the pattern.
pub(super) fn pattern_work(pattern: &str) -> Result<u64, String> {
    let mut refusal = String::new();
    for (size, work) in SIZES {
        match RegexBuilder::new(pattern).size_limit(size).build() {
            Ok(_) => return Ok(work),
            // The last line says what it is; the lines before draw where.
            Err(error) => refusal = error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        }
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_patterns_are_more_work_and_too_large_ones_none() {
        assert_eq!(pattern_work("^A.*n$"), Ok(500));
        assert_eq!(pattern_work(r"^\w+@\w+\.\w+$"), Ok(5_000));
        assert_eq!(pattern_work(r"(\w{5}){4}"), Ok(40_000));
        assert!(pattern_work("((a{1000}){1000}){1000}").is_err_and(|refusal| refusal.contains("size limit")));
        assert!(pattern_work("(a").is_err_and(|refusal| refusal.contains("unclosed group")));
    }
}
