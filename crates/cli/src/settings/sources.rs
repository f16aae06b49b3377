use std::{collections::BTreeMap, env, path::PathBuf};

/// Where settings may come from beside the defaults. Built from the process once; tests build their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(super) file: Option<PathBuf>,
    pub(super) environment: BTreeMap<String, String>,
}

impl Sources {
    /// The process's environment and the file named on the command line, or else by CALLBACKS_CONFIG (clap reads both).
    pub(crate) fn of_process(file: Option<PathBuf>) -> Self {
        // A variable that is not UTF-8 cannot be one of ours: all our values are texts, numbers and ASCII names.
        let environment = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file, environment }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}
