//! The service accounts, for an operator at a terminal: the components' own API, in an administrator's name.

use crate::settings::AdminSettings;
use crate::token::{TokenError, Tokens};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the components may take. Making a secret's hash takes them tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a command did not get done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// No answer, or none that can be read.
    #[error("the components at COMPONENTS_URL: {0}")]
    Http(#[from] reqwest::Error),
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// They said no, and why.
    #[error("the components refused ({0}): {1}")]
    Refused(StatusCode, String),
}

/// The accounts behind the API.
pub(crate) struct Accounts {
    http: reqwest::Client,
    url: String,
    tokens: Tokens,
}

impl Accounts {
    pub(crate) fn new(settings: AdminSettings) -> Result<Self, AccountError> {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let tokens = Tokens::new(settings.credentials, "admin", &settings.components_url, http.clone());
        Ok(Self { url: format!("{}/api/v1/service-accounts", settings.components_url), http, tokens })
    }

    /// Makes one and shows its secret.
    pub(crate) async fn create(&self, name: &str, scopes: &[String]) -> Result<(), AccountError> {
        let made = self.call(Method::POST, "/", Some(json!({"name": name, "scopes": scopes}))).await?;
        show_secret(&made);
        Ok(())
    }

    /// Shows all of them.
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

    /// Gives one a new secret and shows it.
    pub(crate) async fn rotate(&self, name: &str) -> Result<(), AccountError> {
        show_secret(&self.call(Method::POST, &format!("/{name}/rotate/"), None).await?);
        Ok(())
    }

    /// Disables or enables one.
    pub(crate) async fn disable(&self, name: &str, disabled: bool) -> Result<(), AccountError> {
        self.call(Method::PATCH, &format!("/{name}/"), Some(json!({"disabled": disabled}))).await?;
        println!("{name} is {}", if disabled { "disabled, and its tokens have ended" } else { "enabled" });
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, AccountError> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.bearer_auth(self.tokens.get().await?).send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(AccountError::Refused(status, answer["detail"].as_str().unwrap_or("without a reason").to_owned()))
        }
    }
}

fn show_secret(account: &Value) {
    println!("name: {}", account["name"].as_str().unwrap_or_default());
    println!("secret: {}", account["secret"].as_str().unwrap_or_default());
    eprintln!("This is the only time that the secret is shown.");
}
