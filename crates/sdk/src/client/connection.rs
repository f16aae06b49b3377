use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};

use crate::error::{ClientError, Refusal};

/// How long one call may take, from connecting to the end of the answer. A test delivery takes up to 20 s.
const PATIENCE: Duration = Duration::from_secs(35);
/// Longest answer that is read, in bytes: far beyond a page of 1,000 executions with their payloads cut.
const ANSWER_MAX: usize = 256 << 20;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// A connection to one service. Cheap to clone; connections are pooled and kept.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    headers: HeaderMap,
}

/// What is asked, beside method and path.
#[derive(Default)]
pub(crate) struct Question<'a> {
    /// Query parameters.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// The body, already JSON.
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer with a status that means success.
pub(crate) struct Answer {
    url: String,
    status: u16,
    pub(crate) headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client of the service at `base`, such as `http://127.0.0.1:8080`. Redirects are never followed.
    ///
    /// # Errors
    /// [`ClientError::Misconfigured`] when `base` is no `http` or `https` URL.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let misconfigured = |reason: String| ClientError::Misconfigured(format!("{base:?}: {reason}"));
        let base = Url::parse(base).map_err(|error| misconfigured(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(misconfigured("the service's URL must start with http:// or https://".to_owned()));
        }
        let builder =
            reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        // A proxy cannot reach what listens on this machine only.
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| misconfigured(error.to_string()))?;
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        Ok(Self { http, base, headers })
    }

    /// The same client with an API key, sent as `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`ClientError::Misconfigured`] when the key has characters a header cannot carry.
    pub fn with_api_key(mut self, key: &str) -> Result<Self, ClientError> {
        let value = HeaderValue::try_from(format!("Bearer {key}"));
        let mut value =
            value.map_err(|_| ClientError::Misconfigured("the API key is not valid".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// The same client, for one write that may be repeated: the service does it once for a key and
    /// gives the same answer for 24 h.
    ///
    /// # Errors
    /// [`ClientError::Misconfigured`] when the key has characters a header cannot carry.
    pub fn idempotent(&self, key: &str) -> Result<Self, ClientError> {
        let value = HeaderValue::try_from(key);
        let value =
            value.map_err(|_| ClientError::Misconfigured("the idempotency key is not valid".to_owned()))?;
        let mut client = self.clone();
        client.headers.insert(IDEMPOTENCY_KEY, value);
        Ok(client)
    }

    /// Where the service is.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Question { query, body: None }).await?.json()
    }

    /// Sends a JSON body.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let body = Some(serde_json::to_vec(body)?);
        self.ask(method, path, Question { query: &[], body }).await?.json()
    }

    /// `POST` without a body.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Question::default()).await?.json()
    }

    /// Asks, and returns the answer when its status means success.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        question: Question<'_>,
    ) -> Result<Answer, ClientError> {
        let url = self.url(path, question.query);
        let mut request = self.http.request(method, url.clone()).headers(self.headers.clone());
        if let Some(body) = question.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let answer = self.read(url, response).await?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(answer.refusal()) }
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        // An http URL always has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn read(&self, url: Url, mut response: Response) -> Result<Answer, ClientError> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                let reason = format!("it is longer than {ANSWER_MAX} bytes");
                return Err(ClientError::Unreadable { url: url.into(), status, reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { url: url.into(), status, headers, body })
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.base.to_string(), source: source.without_url() }
    }
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        // Answers without a body (204) read as `null`.
        let body: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(body).map_err(|error| self.unreadable(error.to_string()))
    }

    fn refusal(&self) -> ClientError {
        match serde_json::from_slice::<Refusal>(&self.body) {
            Ok(refusal) => ClientError::Refused(Box::new(refusal)),
            Err(_) if serde_json::from_slice::<Value>(&self.body).is_ok() => {
                self.unreadable("it is not this service's error format".to_owned())
            }
            Err(_) => self.unreadable("it is not JSON".to_owned()),
        }
    }

    fn unreadable(&self, reason: String) -> ClientError {
        ClientError::Unreadable { url: self.url.clone(), status: self.status, reason }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_below_the_base() {
        for base in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            let client = Client::new(base).expect("a URL");
            let url = client.url(&["api", "v1", "events", "a/b c?"], &[("x", "1&2")]);
            assert_eq!(url.as_str(), "http://127.0.0.1:8080/api/v1/events/a%2Fb%20c%3F?x=1%262");
        }
        let below = Client::new("https://example.com/callbacks/").expect("a URL").url(&["api"], &[]);
        assert_eq!(below.as_str(), "https://example.com/callbacks/api");
    }

    #[test]
    fn what_is_no_address_of_a_service_is_refused() {
        for base in ["", "127.0.0.1:8080", "ftp://example.com", "http://"] {
            assert!(Client::new(base).is_err(), "{base}");
        }
        let client = Client::new("http://localhost").expect("a URL");
        assert!(client.clone().with_api_key("a\nb").is_err());
        assert!(!format!("{:?}", client.with_api_key("canary").expect("a key")).contains("canary"));
    }
}
