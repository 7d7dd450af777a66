//! The list of the servers, and the file in which it is kept.

use super::server::{Server, folder, free_port};
use super::{mariadb, rabbitmq, redis};
use crate::failure::{Failure, failed};
use crate::token::{random, write_private};
use serde::{Deserialize, Serialize};

/// The content of `target/services/services.json`, which the tests and `up --services` read.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Services {
    pub(crate) mariadb: Server,
    pub(crate) redis: Server,
    pub(crate) rabbitmq: Server,
}

/// One of the servers, with its program and its check.
pub(super) struct Known<'a> {
    pub(super) name: &'static str,
    /// The name of its process.
    pub(super) process: &'static str,
    pub(super) server: &'a Server,
    pub(super) answers: fn(&Server) -> bool,
}

impl Services {
    /// Returns the servers with their names and checks.
    pub(super) fn all(&self) -> [Known<'_>; 3] {
        let Self { mariadb, redis, rabbitmq } = self;
        [
            Known { name: "MariaDB", process: "mariadbd", server: mariadb, answers: mariadb::answers },
            Known { name: "Redis", process: "redis-server", server: redis, answers: redis::answers },
            Known { name: "RabbitMQ", process: "beam.smp", server: rabbitmq, answers: rabbitmq::answers },
        ]
    }

    /// Chooses ports and passwords, and keeps those of the last start where there are any.
    pub(super) fn prepare(before: Option<&Self>) -> Result<Self, Failure> {
        let again = |server: Option<&Server>| {
            let (port, password) = match server {
                // The data in target/ was made with this password; the port may be in use by now.
                Some(server) => (free_port(server.port)?, server.password.clone()),
                None => (free_port(0)?, random()?),
            };
            Ok::<_, Failure>(Server { port, password, pid: 0 })
        };
        Ok(Self {
            mariadb: again(before.map(|it| &it.mariadb))?,
            redis: again(before.map(|it| &it.redis))?,
            rabbitmq: again(before.map(|it| &it.rabbitmq))?,
        })
    }

    /// Writes services.json.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let path = folder().join("services.json");
        std::fs::create_dir_all(folder()).map_err(failed(path.display().to_string()))?;
        write_private(&path, &serde_json::to_string_pretty(self).map_err(failed("services.json"))?)
    }
}

/// Returns the servers as they were last started.
pub(crate) fn known() -> Result<Services, Failure> {
    let text = std::fs::read_to_string(folder().join("services.json"))
        .map_err(|_| Failure("the servers were never started here: run `cargo xtask services start`".into()))?;
    serde_json::from_str(&text).map_err(failed("services.json"))
}
