//! How many files and sockets the process may have open, and how many of them the API's clients may hold.

use callbacks_web::serving::server::ServerSettings;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the process's limit to what it is allowed, which is far more than the usual 1,024, and returns the limit then.
fn raised_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let limit =
        if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// What the API's connections may cost. Never more than half of the open files: endpoints, brokers and the database need
/// the others.
pub(super) fn server_settings() -> ServerSettings {
    let usual = ServerSettings::default();
    let max_connections = shared(usual.max_connections, raised_limit());
    if max_connections < usual.max_connections {
        tracing::warn!(
            max_connections,
            "the limit of open files (ulimit -n) leaves the API fewer connections than {}; raise it to {} or more",
            usual.max_connections,
            usual.max_connections * 2
        );
    }
    ServerSettings { max_connections, ..usual }
}

fn shared(usual: usize, open_files: usize) -> usize {
    usual.min(open_files / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_never_takes_all_open_files() {
        let cases = [(1_000_000, 10_000), (20_000, 10_000), (1024, 512), (256, 128), (0, 1)];
        for (open_files, expected) in cases {
            assert_eq!(shared(10_000, open_files), expected, "{open_files}");
        }
    }

    #[test]
    fn the_limit_is_what_the_process_may_have() {
        let limit = raised_limit();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        assert_eq!(soft, hard, "raised");
        assert_eq!(limit, usize::try_from(soft).expect("fits"));
    }
}
