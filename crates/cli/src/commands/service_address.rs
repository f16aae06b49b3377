use callbacks_sdk::client::Client;

/// Which service a command talks to, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServiceAddress {
    /// URL of the service
    #[arg(long, env = "CALLBACKS_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// API key of the service
    #[arg(long, env = "CALLBACKS_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

impl ServiceAddress {
    /// A client of that service; nothing is sent yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let client = Client::new(&self.url)?;
        Ok(match self.api_key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) => client.with_api_key(key)?,
            None => client,
        })
    }
}
