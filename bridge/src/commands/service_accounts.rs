//! Manages service accounts through the components' API, as an administrator.

use crate::settings::AdminSettings;
use crate::token::{TokenError, Tokens};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the components may take to answer. Hashing a secret takes them tens of milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("the request to the components at COMPONENTS_URL failed: {0}")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the components rejected the request ({0}): {1}")]
    Refused(StatusCode, String),
}

/// The client of the API.
pub(crate) struct Accounts {
    http: reqwest::Client,
    url: String,
    tokens: Tokens,
}

impl Accounts {
    pub(crate) fn new(settings: AdminSettings) -> Result<Self, AccountError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        let tokens = Tokens::new(settings.credentials, "admin", &settings.components_url, http.clone());
        Ok(Self { url: format!("{}/api/v1/service-accounts", settings.components_url), http, tokens })
    }

    /// Creates an account and prints its secret.
    pub(crate) async fn create(&self, name: &str, scopes: &[String]) -> Result<(), AccountError> {
        let account = self.call(Method::POST, "/", Some(json!({"name": name, "scopes": scopes}))).await?;
        print_secret(&account);
        Ok(())
    }

    /// Prints all accounts.
    pub(crate) async fn list(&self) -> Result<(), AccountError> {
        let list = self.call(Method::GET, "/", None).await?;
        let accounts = list["results"].as_array().cloned().unwrap_or_default();
        for account in &accounts {
            let scopes = account["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let state = if account["disabled"] == true { "disabled" } else { "enabled" };
            let text = |name: &str| account[name].as_str().unwrap_or("never").to_owned();
            println!(
                "{}  {}  {state}  rotated {}  last used {}",
                text("name"),
                scopes.collect::<Vec<_>>().join(","),
                text("rotated_at"),
                text("last_used_at")
            );
        }
        println!("accounts: {}", accounts.len());
        Ok(())
    }

    /// Replaces the secret of an account and prints the new one.
    pub(crate) async fn rotate(&self, name: &str) -> Result<(), AccountError> {
        print_secret(&self.call(Method::POST, &format!("/{name}/rotate/"), None).await?);
        Ok(())
    }

    /// Disables or enables an account.
    pub(crate) async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AccountError> {
        self.call(Method::PATCH, &format!("/{name}/"), Some(json!({"disabled": disabled}))).await?;
        println!("{name} is {}", if disabled { "disabled, and its tokens are revoked" } else { "enabled" });
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, AccountError> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.bearer_auth(self.tokens.get().await?).send().await?;
        let status = response.status();
        let body: Value = response.json().await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(AccountError::Refused(status, body["detail"].as_str().unwrap_or("no reason was given").to_owned()))
        }
    }
}

fn print_secret(account: &Value) {
    println!("name: {}", account["name"].as_str().unwrap_or_default());
    println!("secret: {}", account["secret"].as_str().unwrap_or_default());
    eprintln!("Store the secret now: it cannot be shown again.");
}
