use std::fmt::Display;
use std::marker::PhantomData;

use callbacks_interfaces::page::Page;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{Client, Question};
use super::selection::Selection;
use crate::error::ClientError;

/// The operations every managed resource has: create, read, list, change. `View` is what the API
/// answers with, `Id` names one.
#[derive(Debug)]
pub struct Resource<'a, View, Id> {
    pub(super) client: &'a Client,
    pub(super) name: &'static str,
    of: PhantomData<(View, Id)>,
}

impl<'a, View: DeserializeOwned, Id: Display> Resource<'a, View, Id> {
    pub(super) fn new(client: &'a Client, name: &'static str) -> Self {
        Self { client, name, of: PhantomData }
    }

    /// Creates one.
    ///
    /// # Errors
    /// [`ClientError::Refused`] names every field that is wrong.
    pub async fn create(&self, body: &impl Serialize) -> Result<View, ClientError> {
        self.client.send(Method::POST, &["api", "v1", self.name], body).await
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: Id) -> Result<View, ClientError> {
        self.client.get(&["api", "v1", self.name, &id.to_string()], &[]).await
    }

    /// One page of those selected.
    ///
    /// # Errors
    /// When the selection names an unknown field.
    pub async fn filter(&self, selection: &Selection) -> Result<Page<View>, ClientError> {
        self.client.send(Method::POST, &["api", "v1", self.name, "filter"], selection).await
    }

    /// One page, newest first. Parameters: `page`, `size`, `sort`, `search`, and any field for equality.
    ///
    /// # Errors
    /// When a parameter names an unknown field.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Result<Page<View>, ClientError> {
        self.client.get(&["api", "v1", self.name], parameters).await
    }

    /// All of those selected, page after page.
    ///
    /// # Errors
    /// When the selection names an unknown field.
    pub async fn collect(&self, selection: &Selection) -> Result<Vec<View>, ClientError> {
        let mut found = Vec::new();
        for number in 0.. {
            let page = self.filter(&selection.clone().sorted("id,asc").page(number, 500)).await?;
            found.extend(page.content);
            if page.last {
                break;
            }
        }
        Ok(found)
    }

    /// Replaces all fields of one (`PUT`): omitted ones take their defaults.
    ///
    /// # Errors
    /// [`ClientError::Refused`] names every field that is wrong.
    pub async fn replace(&self, id: Id, body: &impl Serialize) -> Result<View, ClientError> {
        self.client.send(Method::PUT, &["api", "v1", self.name, &id.to_string()], body).await
    }

    /// Changes some fields of one (`PATCH`): absent keeps, `null` clears.
    ///
    /// # Errors
    /// [`ClientError::Refused`] names every field that is wrong.
    pub async fn patch(&self, id: Id, body: &impl Serialize) -> Result<View, ClientError> {
        self.client.send(Method::PATCH, &["api", "v1", self.name, &id.to_string()], body).await
    }

    pub(super) async fn remove(&self, id: Id, query: &[(&str, &str)]) -> Result<(), ClientError> {
        let question = Question { query, body: None };
        self.client.ask(Method::DELETE, &["api", "v1", self.name, &id.to_string()], question).await.map(drop)
    }

    /// `POST` to a sub-resource of one.
    pub(super) async fn act<T: DeserializeOwned>(&self, id: Id, action: &str) -> Result<T, ClientError> {
        self.client.act(&["api", "v1", self.name, &id.to_string(), action]).await
    }
}
