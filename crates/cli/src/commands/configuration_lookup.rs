use anyhow::bail;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_sdk::client::{Client, Selection};

/// The one configuration a person means by an id, a name or a URL.
///
/// # Errors
/// When there is none, or more than one.
pub(super) async fn find(
    client: &Client,
    meant: &str,
    tenant: Option<&str>,
) -> anyhow::Result<CallbackConfiguration> {
    if let Ok(id) = meant.parse::<ConfigurationId>() {
        return Ok(client.configurations().get(id).await?);
    }
    let within = |selection: Selection| match tenant {
        Some(tenant) => selection.filtered("tenantId", tenant),
        None => selection,
    };
    let mut found =
        client.configurations().collect(&within(Selection::all().filtered("name", meant))).await?;
    if found.is_empty()
        && let Ok(url) = CallbackUrl::try_from(meant)
    {
        let selection = within(Selection::all().filtered("url", url.as_str()));
        found = client.configurations().collect(&selection).await?;
    }
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => {
            bail!("{} configurations are called {meant:?}; name one by its id, or give --tenant", others + 1)
        }
        (None, _) => bail!("no configuration is called {meant:?}; see `callbacks configurations list`"),
    }
}
