//! RabbitMQ that accepts TLS only, from clients with a certificate.

use super::{Own, free_port};
use crate::certificates::{Authority, Certified};
use crate::folder::temporary;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian keeps the programs themselves. Those on PATH are wrappers that switch to a system
/// account.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

/// A running server.
pub struct RabbitMq {
    pub server: Own,
    epmd: u16,
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // The server starts it and does not stop it.
        let _ = Command::new("epmd").args(["-port", &self.epmd.to_string(), "-kill"]).stdout(Stdio::null()).status();
    }
}

fn program(name: &str) -> PathBuf {
    let path = Path::new(DEBIAN).join(name);
    if path.exists() { path } else { name.into() }
}

impl RabbitMq {
    /// Starts a server with the accounts and permissions that these commands of `rabbitmqctl` create.
    /// Each command would take a second.
    pub async fn start(authority: &Authority, tls: &Certified, commands: &[Vec<String>], password: &str) -> Self {
        let (folder, port, epmd) = (temporary(), free_port(), free_port());
        let files = [authority.file(), tls.certificate.clone(), tls.key.clone()];
        let [ca, certificate, key] = files.map(|path| path.display().to_string());
        let settings = format!(
            "listeners.tcp = none\nlisteners.ssl.default = 127.0.0.1:{port}\nssl_options.cacertfile = {ca}\n\
             ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\nssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = true\nlog.console = true\nload_definitions = {}\n",
            folder.join("definitions.json").display()
        );
        let definitions = definitions(commands, password).to_string();
        std::fs::write(folder.join("definitions.json"), definitions).expect("a file");
        std::fs::write(folder.join("rabbitmq.conf"), settings).expect("a file");
        let mut command = Command::new(program("rabbitmq-server"));
        command
            .env("RABBITMQ_NODENAME", format!("connectivity-own-{port}@localhost"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_MNESIA_DIR", folder.join("data"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_LOG_BASE", &*folder)
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", folder.join("rabbitmq.pid"))
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env("ERL_EPMD_PORT", epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            // The start script then replaces itself with the server.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("HOME", &*folder);
        let mut server = Own::start(&mut command, folder, port);
        server.until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { server, epmd }
    }
}

/// Returns the definitions that RabbitMQ reads when it starts, for these commands.
fn definitions(commands: &[Vec<String>], password: &str) -> Value {
    let mut tags = BTreeMap::new();
    let (mut permissions, mut topics) = (Vec::new(), Vec::new());
    for command in commands {
        match command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["add_user", user] => drop(tags.insert(user, "")),
            ["set_user_tags", user, tag] => drop(tags.insert(user, tag)),
            ["set_permissions", user, configure, write, read] => permissions
                .push(json!({"user": user, "vhost": "/", "configure": configure, "write": write, "read": read})),
            ["set_topic_permissions", user, exchange, write, read] => {
                topics.push(json!({"user": user, "vhost": "/", "exchange": exchange, "write": write, "read": read}));
            }
            _ => panic!("unknown command: {command:?}"),
        }
    }
    let users = tags.iter().map(|(name, tags)| json!({"name": name, "password": password, "tags": tags}));
    json!({"vhosts": [{"name": "/"}], "users": users.collect::<Vec<_>>(), "permissions": permissions,
           "topic_permissions": topics})
}
