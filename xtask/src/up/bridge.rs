//! The bridge beside the application.

use crate::build::BRIDGE;
use crate::failure::{Failure, failed};
use crate::project::built;
use crate::run::program;
use crate::running::Running;
use crate::services::{self, rabbitmq};
use crate::token;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The running bridge and a second process that prints results. Both stop when this value is
/// dropped.
pub(super) struct Bridge(Arc<Mutex<Vec<Running>>>);

impl Drop for Bridge {
    fn drop(&mut self) {
        lock(&self.0).clear();
    }
}

/// Starts the bridge for the application at this address.
pub(super) fn start(address: &str) -> Result<Bridge, Failure> {
    let url = rabbitmq::url(&services::known()?.rabbitmq);
    let secret = token::secret(token::BRIDGE)?;
    let start = |subcommand: &str| {
        let mut command = program(&built(BRIDGE), &[subcommand]);
        command.env("RABBITMQ_URL", &url).env("COMPONENTS_URL", format!("http://{address}"));
        command.env("BRIDGE_CLIENT_ID", token::BRIDGE).env("BRIDGE_CLIENT_SECRET", &secret);
        command.spawn().map(Running).map_err(failed("the bridge"))
    };
    // The results are consumed before the bridge publishes the first one.
    let processes = Arc::new(Mutex::new(vec![start("results")?, start("run")?]));
    watch(Arc::clone(&processes));
    Ok(Bridge(processes))
}

fn lock(processes: &Mutex<Vec<Running>>) -> MutexGuard<'_, Vec<Running>> {
    processes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints a warning if the bridge ends while the application goes on.
fn watch(processes: Arc<Mutex<Vec<Running>>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let ended = lock(&processes).iter_mut().find_map(|child| child.0.try_wait().ok().flatten());
            if let Some(status) = ended {
                eprintln!(
                    "xtask: the bridge ended with {status}. Requests wait in the queue: restart `cargo xtask up --services`."
                );
                return;
            }
        }
    });
}
