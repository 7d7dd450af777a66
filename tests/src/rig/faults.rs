//! The faults: what each does to the application, how long it lasts, and what has to hold.

mod broker;
mod processes;
mod registry;
mod servers;
mod table;

pub use table::{SHORT, TABLE};

use super::Rig;
pub use super::databases::Database;
pub use super::readiness::Oracle;
use crate::pipeline::Links;
use crate::proxy::{Mode, Proxy};
use std::time::Duration;

/// One fault.
pub struct Fault {
    /// The name, as it is given to `cargo xtask chaos --faults`.
    pub name: &'static str,
    /// Further variables of the components and settings of the bridge.
    pub variables: &'static [(&'static str, &'static str)],
    pub settings: &'static [(&'static str, &'static str)],
    /// How long it lasts after [`Self::begin`] has returned.
    pub lasts: Duration,
    /// How long results may take afterwards: the delays of the bridge, and its relay.
    pub settles_within: Duration,
    /// Every check has to get its verdict all the same.
    pub is_seamless: bool,
    pub oracle: Oracle,
    /// Which MariaDB the application uses.
    pub database: Database,
    action: Action,
}

/// One of the application's links.
#[derive(Clone, Copy, Debug)]
enum To {
    Host,
    MariaDb,
    Redis,
    Registry,
    RabbitMq,
    Components,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    /// Sets the mode of a link's proxy.
    Link(To, Mode),
    /// Lets the connections on a link die silently.
    Freeze(To),
    Registry(registry::Action),
    Servers(servers::Action),
    Broker(broker::Action),
    Processes(processes::Action),
}

impl To {
    fn proxy(self, links: &Links) -> &Proxy {
        match self {
            Self::Host => &links.callers,
            Self::MariaDb => &links.mariadb,
            Self::Redis => &links.redis,
            Self::Registry => &links.registry,
            Self::RabbitMq => &links.rabbitmq,
            Self::Components => &links.components,
        }
    }
}

impl Fault {
    /// Puts the fault on.
    pub(super) async fn begin(&self, rig: &mut Rig) {
        match self.action {
            Action::Link(to, mode) => to.proxy(rig.pipeline.links()).set(mode),
            Action::Freeze(to) => to.proxy(rig.pipeline.links()).freeze(),
            Action::Registry(action) => action.begin(rig),
            Action::Servers(action) => action.begin(rig).await,
            Action::Broker(action) => action.begin(rig).await,
            Action::Processes(action) => action.begin(rig).await,
        }
    }

    /// Takes the cause away.
    pub(super) async fn end(&self, rig: &mut Rig) {
        match self.action {
            Action::Link(to, mode) => {
                let proxy = to.proxy(rig.pipeline.links());
                if matches!((to, mode), (To::Host, Mode::LoseAnswers)) {
                    // The callers of the rig would wait for what never comes.
                    proxy.close();
                }
                proxy.restore();
            }
            // The connections stay dead, and new ones pass. What was killed runs again, and slow callers
            // give up by themselves.
            Action::Freeze(_) | Action::Processes(_) => {}
            Action::Registry(action) => action.end(rig),
            Action::Servers(action) => action.end(rig).await,
            Action::Broker(action) => action.end(rig),
        }
    }
}
