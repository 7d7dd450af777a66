//! A Prometheus server that scrapes one address every second.

use crate::client::Client;
use crate::folder::{Temporary, temporary};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// A running Prometheus. It is killed on drop.
pub struct Prometheus {
    child: Child,
    _folder: Temporary,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = (self.child.kill(), self.child.wait());
    }
}

impl Prometheus {
    /// Starts a Prometheus that scrapes `/metrics` at this address. `cargo xtask test` installs the
    /// program.
    pub fn scraping(address: SocketAddr) -> Self {
        let folder = temporary();
        let config = folder.join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: connectivity\n    static_configs: [{{ targets: ['{address}'] }}]\n"
        );
        std::fs::write(&config, text).expect("a file");
        // The port is free now, and Prometheus binds it right after.
        let own = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={own}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus: Debian's package prometheus");
        Self { child, _folder: folder, address: own }
    }

    /// Returns the current values of an expression by the values of these labels, or `None` until
    /// Prometheus answers.
    pub async fn query(&self, client: &Client, expression: &str, labels: &[&str]) -> Option<BTreeMap<String, f64>> {
        // Prometheus may not listen yet.
        tokio::net::TcpStream::connect(self.address).await.ok()?;
        let query = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = client.get(&format!("http://{}/api/v1/query?query={query}", self.address)).await.json();
        let result = answer["data"]["result"].as_array()?;
        let entry = |sample: &Value| {
            let text = |label: &&str| sample["metric"][*label].as_str().unwrap_or_default().to_owned();
            let key = labels.iter().map(text).collect::<Vec<_>>().join(" ");
            Some((key, sample["value"][1].as_str()?.parse().ok()?))
        };
        result.iter().map(entry).collect()
    }
}
