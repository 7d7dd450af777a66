//! Manages service accounts through the components' API, as an administrator.

use super::api::{Api, ApiError};
use crate::output::print_line;
use reqwest::Method;
use serde_json::{Value, json};

/// What stands for the rate limit of the components' settings.
const DEFAULT_RATE: &str = "default";

/// The service accounts.
pub(crate) struct Accounts(pub(crate) Api);

impl Accounts {
    /// Creates an account and prints its secret.
    pub(crate) async fn create(&self, name: &str, scopes: &[String], rate_limit: Option<&str>) -> Result<(), ApiError> {
        let account = json!({"name": name, "scopes": scopes, "rate_limit": rate_limit});
        let account = self.call(Method::POST, "/", Some(account)).await?;
        print_secret(&account);
        Ok(())
    }

    /// Prints all accounts.
    pub(crate) async fn list(&self) -> Result<(), ApiError> {
        let list = self.call(Method::GET, "/", None).await?;
        let accounts = list["results"].as_array().cloned().unwrap_or_default();
        for account in &accounts {
            let scopes = account["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let state = if account["disabled"] == true { "disabled" } else { "enabled" };
            let text = |name: &str| account[name].as_str().unwrap_or("never").to_owned();
            print_line!(
                "{}  {}  {state}  rate limit {}  rotated {}  last used {}",
                text("name"),
                scopes.collect::<Vec<_>>().join(","),
                account["rate_limit"].as_str().unwrap_or(DEFAULT_RATE),
                text("rotated_at"),
                text("last_used_at")
            );
        }
        print_line!("accounts: {}", accounts.len());
        Ok(())
    }

    /// Replaces the secret of an account and prints the new one.
    pub(crate) async fn rotate(&self, name: &str) -> Result<(), ApiError> {
        print_secret(&self.call(Method::POST, &format!("/{name}/rotate/"), None).await?);
        Ok(())
    }

    /// Sets the rate limit of an account.
    pub(crate) async fn set_rate_limit(&self, name: &str, rate: &str) -> Result<(), ApiError> {
        let own = Some(rate).filter(|rate| *rate != DEFAULT_RATE);
        self.call(Method::PATCH, &format!("/{name}/"), Some(json!({"rate_limit": own}))).await?;
        println!("{name} has the rate limit {rate} from its next token on");
        Ok(())
    }

    /// Disables or enables an account.
    pub(crate) async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), ApiError> {
        self.call(Method::PATCH, &format!("/{name}/"), Some(json!({"disabled": disabled}))).await?;
        print_line!("{name} is {}", if disabled { "disabled, and its tokens are revoked" } else { "enabled" });
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, ApiError> {
        self.0.call(method, &format!("/api/v1/service-accounts{path}"), body).await
    }
}

fn print_secret(account: &Value) {
    print_line!("name: {}", account["name"].as_str().unwrap_or_default());
    print_line!("secret: {}", account["secret"].as_str().unwrap_or_default());
    eprintln!("Store the secret now: it cannot be shown again.");
}
