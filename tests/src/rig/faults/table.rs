//! The table of all faults.

use super::{Action, Database, Fault, Oracle, To, broker, processes, registry, servers};
use crate::proxy::Mode;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Short delays, so that a row says how soon the service is back and not how long the bridge delays.
const QUICK: &[(&str, &str)] = &[("BRIDGE_RETRY_DELAYS", "200ms,1s,3s")];

/// A fault with short delays of the bridge, whose results arrive within a minute.
const fn fault(name: &'static str, lasts: u64, action: Action) -> Fault {
    Fault {
        name,
        variables: &[],
        settings: QUICK,
        lasts: seconds(lasts),
        settles_within: seconds(90),
        is_seamless: false,
        oracle: Oracle::Both,
        database: Database::Shared,
        action,
    }
}

impl Fault {
    const fn seamless(mut self) -> Self {
        self.is_seamless = true;
        self
    }

    const fn judged(mut self, oracle: Oracle) -> Self {
        self.oracle = oracle;
        self
    }

    const fn on(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    const fn with_variables(mut self, variables: &'static [(&'static str, &'static str)]) -> Self {
        self.variables = variables;
        self
    }

    const fn with_settings(mut self, settings: &'static [(&'static str, &'static str)]) -> Self {
        self.settings = settings;
        self
    }

    const fn settles_within(mut self, limit: u64) -> Self {
        self.settles_within = seconds(limit);
        self
    }
}

/// How long a link fails in the table: longer than the readiness rule allows for.
const LONG: u64 = 20;

/// A delay that is noticed and does not exceed any deadline.
const LATE: Mode = Mode::Delay(Duration::from_millis(100));

use Action::{Broker, Freeze, Link, Processes, Registry, Servers};

/// All faults, in the order in which they are tried.
pub static TABLE: &[Fault] = &[
    // The links.
    fault("host: stalled", LONG, Link(To::Host, Mode::Stall)).judged(Oracle::Neither),
    fault("host: answers are lost", LONG, Link(To::Host, Mode::LoseAnswers)).judged(Oracle::Neither),
    fault("MariaDB: connections die silently", 0, Freeze(To::MariaDb)),
    fault("MariaDB: stalled", LONG, Link(To::MariaDb, Mode::Stall)),
    fault("MariaDB: unreachable", LONG, Link(To::MariaDb, Mode::Cut)),
    fault("MariaDB: answers are lost", LONG, Link(To::MariaDb, Mode::LoseAnswers)),
    fault("MariaDB: 100 ms late", 5, Link(To::MariaDb, LATE)).seamless(),
    fault("Redis: connections die silently", 0, Freeze(To::Redis)),
    fault("Redis: stalled", LONG, Link(To::Redis, Mode::Stall)),
    fault("Redis: unreachable", LONG, Link(To::Redis, Mode::Cut)).seamless(),
    fault("Redis: answers are lost", LONG, Link(To::Redis, Mode::LoseAnswers)),
    fault("registry: connections die silently", 0, Freeze(To::Registry)),
    // A check then takes 20 s, and readiness does not depend on the registry.
    fault("registry: stalled", LONG, Link(To::Registry, Mode::Stall)).judged(Oracle::Neither),
    fault("registry: answers are lost", LONG, Link(To::Registry, Mode::LoseAnswers)).judged(Oracle::Neither),
    fault("RabbitMQ: connections die silently", 0, Freeze(To::RabbitMq)),
    fault("RabbitMQ: stalled", 60, Link(To::RabbitMq, Mode::Stall)),
    fault("RabbitMQ: unreachable", LONG, Link(To::RabbitMq, Mode::Cut)),
    fault("RabbitMQ: answers are lost", LONG, Link(To::RabbitMq, Mode::LoseAnswers)),
    fault("components: connections die silently", 0, Freeze(To::Components)),
    fault("components: stalled", LONG, Link(To::Components, Mode::Stall)),
    fault("components: answers are lost", LONG, Link(To::Components, Mode::LoseAnswers)),
    // The registry.
    fault("registry: away for 200 s, default settings", 200, Registry(registry::Action::Away))
        .with_settings(&[])
        .settles_within(1_200)
        .judged(Oracle::Host),
    fault("registry: maintenance page with status 200", LONG, Registry(registry::Action::MaintenancePage))
        .judged(Oracle::Host),
    // The database and the cache.
    fault("MariaDB: read-only", LONG, Servers(servers::Action::ReadOnly)),
    fault("MariaDB: failover, the old server read-only", 0, Servers(servers::Action::Failover)),
    fault("MariaDB: failover to another server", 0, Servers(servers::Action::Promote)).on(Database::Replicated),
    fault("MariaDB: disk full", LONG, Servers(servers::Action::FillDisk)).on(Database::SmallDisk),
    fault("Redis: scripts are refused", LONG, Servers(servers::Action::RefuseScripts)).seamless(),
    fault("Redis: out of memory", LONG, Servers(servers::Action::OutOfMemory)).seamless(),
    // The broker.
    fault("RabbitMQ: publishers blocked", 60, Broker(broker::Action::Block)).judged(Oracle::Host),
    fault("RabbitMQ: all connections closed", 0, Broker(broker::Action::CloseConnections)),
    fault("RabbitMQ: consumer timeout", 40, Broker(broker::Action::ConsumerTimeout)),
    fault("RabbitMQ: exchange deleted", 60, Broker(broker::Action::DeleteExchange)),
    fault("RabbitMQ: binding deleted", 60, Broker(broker::Action::DeleteBinding)),
    // Messages.
    fault("foreign queue that drops messages", LONG, Broker(broker::Action::ForeignQueue))
        .with_variables(&[("requeue_after_seconds", "30")]),
    fault("message that cannot be read", 0, Broker(broker::Action::Unreadable)),
    fault("message of 100 MB", 0, Broker(broker::Action::Large)),
    fault("requests that expire", 10, Broker(broker::Action::Expired)),
    // The processes.
    fault("600 slow bodies without a token", LONG, Processes(processes::Action::SlowBodies)).seamless(),
    fault("SIGTERM of the host behind a proxy", 5, Processes(processes::Action::Replace)).seamless(),
    fault("kill -9 host and bridge at once", 0, Processes(processes::Action::Kill(&["host", "bridge"]))),
    fault("kill -9 host, again while it recovers", 0, Processes(processes::Action::Kill(&["host", "host"]))),
    fault("kill -9 MariaDB and RabbitMQ at once", 0, Processes(processes::Action::Kill(&["MariaDB", "RabbitMQ"]))),
    fault("kill -9 Redis and bridge at once", 0, Processes(processes::Action::Kill(&["Redis", "bridge"]))),
];

/// The faults of the short form, in the order in which they are put on one application: one on each
/// link, with a stall, silent deaths, a cache that refuses, an alarm, and a registry that is none. First
/// the one that no check may notice, last the one that the callers notice later.
pub static SHORT: [&str; 7] = [
    "Redis: scripts are refused",
    "MariaDB: stalled",
    "registry: maintenance page with status 200",
    "components: answers are lost",
    "RabbitMQ: publishers blocked",
    "RabbitMQ: connections die silently",
    "host: answers are lost",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_stands_once_and_fits_into_a_table_and_a_list() {
        let names: BTreeSet<_> = TABLE.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(names.iter().all(|name| !name.contains(['|', ';'])), "{names:?}");
    }

    #[test]
    fn faults_of_the_short_form_exist_and_share_an_application() {
        for name in SHORT {
            let fault = TABLE.iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((fault.variables, fault.settings), (&[][..], QUICK), "{name}");
            assert_eq!(fault.database, Database::Shared, "{name}");
        }
    }
}
