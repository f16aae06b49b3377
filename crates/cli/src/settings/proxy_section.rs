//! `egress.proxy_url` and `egress.no_proxy`: which proxy callbacks go through, and whether the environment may say.

use std::sync::Arc;

use callbacks_egress::proxy::{Direct, Proxies, Proxy};
use serde::{Deserialize, Deserializer, de};

use super::{error::SettingsError, layers::Origin, sources::Sources};

/// The word in place of a URL that lets the environment's variables choose.
pub(super) const ENVIRONMENT: &str = "environment";

/// What `egress.proxy_url` says.
#[derive(Debug, Clone)]
pub(crate) enum ProxyChoice {
    None,
    /// The variables other programs read, too.
    Environment,
    Of(Arc<Proxy>),
}

pub(super) fn proxy_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProxyChoice, D::Error> {
    match String::deserialize(deserializer)?.trim() {
        "" => Ok(ProxyChoice::None),
        ENVIRONMENT => Ok(ProxyChoice::Environment),
        url => url.parse().map(|proxy| ProxyChoice::Of(Arc::new(proxy))).map_err(de::Error::custom),
    }
}

pub(super) fn direct_hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Direct>, D::Error> {
    let items = Vec::<String>::deserialize(deserializer)?;
    items.iter().map(|item| item.parse().map_err(de::Error::custom)).collect()
}

/// The proxies in force, with a notice where the environment was to name one and does not.
pub(super) fn proxies(
    choice: &ProxyChoice,
    direct: &[Direct],
    sources: &Sources,
) -> Result<(Proxies, Option<String>), SettingsError> {
    let direct = direct.to_vec();
    match choice {
        ProxyChoice::None => Ok((Proxies { direct, ..Proxies::default() }, None)),
        ProxyChoice::Of(proxy) => {
            Ok((Proxies { https: Some(Arc::clone(proxy)), http: Some(Arc::clone(proxy)), direct }, None))
        }
        ProxyChoice::Environment => from_environment(direct, sources),
    }
}

fn from_environment(
    mut direct: Vec<Direct>,
    sources: &Sources,
) -> Result<(Proxies, Option<String>), SettingsError> {
    if let Some((name, list)) = variable(sources, "NO_PROXY") {
        for item in list.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty()) {
            direct.push(item.parse().map_err(|error| refused(&name, &error))?);
        }
    }
    let all = proxy(sources, "ALL_PROXY")?;
    let https = proxy(sources, "HTTPS_PROXY")?.or_else(|| all.clone());
    let http = proxy(sources, "HTTP_PROXY")?.or(all);
    let notice = (https.is_none() && http.is_none()).then(|| {
        "egress.proxy_url is \"environment\", but neither HTTPS_PROXY, HTTP_PROXY nor ALL_PROXY is set: callbacks are sent \
         directly"
            .to_owned()
    });
    Ok((Proxies { https, http, direct }, notice))
}

fn proxy(sources: &Sources, name: &str) -> Result<Option<Arc<Proxy>>, SettingsError> {
    let Some((name, url)) = variable(sources, name) else { return Ok(None) };
    let proxy: Proxy = url.parse().map_err(|error| refused(&name, &error))?;
    Ok(Some(Arc::new(proxy)))
}

/// The variable, in lower case as curl reads it first, or in upper case.
fn variable<'a>(sources: &'a Sources, name: &str) -> Option<(String, &'a str)> {
    [name.to_ascii_lowercase(), name.to_owned()]
        .into_iter()
        .find_map(|name| sources.variable(&name).map(|value| (name, value)))
}

fn refused(variable: &str, error: &dyn std::error::Error) -> SettingsError {
    SettingsError::Refused { origin: Origin::Variable(variable.to_owned()), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::sections::Settings;

    fn load(environment: &[(&str, &str)]) -> Settings {
        Settings::from_environment(environment).expect("settings")
    }

    fn shown(settings: &Settings) -> String {
        format!("{:?} {:?}", settings.egress.proxies.https, settings.egress.proxies.http)
    }

    #[test]
    fn no_proxy_is_used_unless_configured_whatever_the_environment_says() {
        let everywhere = [
            ("HTTP_PROXY", "http://a:1"),
            ("HTTPS_PROXY", "http://b:2"),
            ("ALL_PROXY", "http://c:3"),
            ("https_proxy", "not even a proxy://"),
            ("NO_PROXY", "*"),
        ];
        let settings = load(&everywhere);
        assert_eq!(shown(&settings), "None None");
        assert!(settings.egress.proxies.direct.is_empty());
    }

    #[test]
    fn a_proxy_that_is_named_is_used_for_all_and_its_password_is_never_shown() {
        let settings = load(&[
            ("CALLBACKS_EGRESS__PROXY_URL", "http://user:canary@proxy.internal:3128"),
            ("CALLBACKS_EGRESS__NO_PROXY", "login.internal, 10.0.0.0/8"),
            ("HTTPS_PROXY", "http://b:2"),
        ]);
        assert_eq!(shown(&settings), "Some(Proxy(proxy.internal:3128)) Some(Proxy(proxy.internal:3128))");
        assert_eq!(settings.egress.proxies.direct.len(), 2);
        let report: Vec<String> = settings.report().iter().map(ToString::to_string).collect();
        let line = report.iter().find(|line| line.contains("egress.proxy_url")).expect("it is reported");
        assert!(line.contains("http://user:***@proxy.internal:3128"), "{line}");
        assert!(!format!("{settings:?}{report:?}").contains("canary"));
        let bare = load(&[("CALLBACKS_EGRESS__PROXY_URL", "user:canary@proxy.internal:3128")]);
        assert!(!format!("{bare:?}{:?}", bare.report()).contains("canary"));
    }

    #[test]
    fn the_environment_chooses_where_it_may() {
        let word = ("CALLBACKS_EGRESS__PROXY_URL", "environment");
        let settings = load(&[
            word,
            ("https_proxy", "http://lower:1"),
            ("HTTPS_PROXY", "http://upper:2"),
            ("ALL_PROXY", "all:3"),
            ("NO_PROXY", "localhost,.svc,10.0.0.0/8"),
        ]);
        assert_eq!(shown(&settings), "Some(Proxy(lower:1)) Some(Proxy(all:3))");
        assert_eq!(settings.egress.proxies.direct.len(), 3);
        let none = load(&[word]);
        assert_eq!(shown(&none), "None None");
        assert!(none.notices.iter().any(|notice| notice.contains("sent directly")), "{:?}", none.notices);
    }

    #[test]
    fn what_is_no_proxy_stops_the_start_without_being_quoted() {
        let word = ("CALLBACKS_EGRESS__PROXY_URL", "environment");
        for (environment, named) in [
            (&[("CALLBACKS_EGRESS__PROXY_URL", "socks5://u:canary@h:1")][..], "CALLBACKS_EGRESS__PROXY_URL"),
            (&[("CALLBACKS_EGRESS__NO_PROXY", "a b")], "CALLBACKS_EGRESS__NO_PROXY"),
            (&[word, ("ALL_PROXY", "https://u:canary@h:1")], "ALL_PROXY"),
            (&[word, ("HTTP_PROXY", "http://u:canary@")], "HTTP_PROXY"),
            (&[word, ("NO_PROXY", "host:8080")], "NO_PROXY"),
        ] {
            let error = Settings::from_environment(environment).expect_err("refused").to_string();
            assert!(error.contains(named) && !error.contains("canary"), "{error}");
        }
    }
}
