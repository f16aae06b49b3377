//! The brokers as the environment names them, and the scripts that stop and start them.

use std::process::Command;

/// A broker started by `scripts/brokers`.
#[derive(Clone, Copy)]
pub(crate) struct Broker {
    /// The variable with its address.
    pub(crate) variable: &'static str,
    /// The script that starts and stops it.
    pub(crate) script: &'static str,
}

impl Broker {
    /// Where it is.
    pub(crate) fn address(self) -> String {
        std::env::var(self.variable).unwrap_or_else(|_| {
            panic!("{} is not set: run `make test`, which starts the brokers (or scripts/brokers/start.sh and source its env file)", self.variable)
        })
    }

    /// Stops it and starts it again, on the same port and with the same data.
    pub(crate) async fn restart(self) {
        tokio::task::spawn_blocking(move || {
            self.run("stop");
            self.run("start");
        })
        .await
        .expect("the scripts run");
    }

    fn run(self, verb: &str) {
        let variable = |name| std::env::var(name).expect("set together with the broker's address");
        let script = format!("{}/{}", variable("CALLBACKS_TEST_BROKERS_SCRIPTS"), self.script);
        let output = Command::new(script)
            .arg(verb)
            .arg(variable("CALLBACKS_TEST_BROKERS_DIR"))
            .output()
            .expect("the script can be run");
        assert!(
            output.status.success(),
            "{} {verb}: {}",
            self.script,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
