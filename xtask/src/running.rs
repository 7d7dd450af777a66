//! Programs that run beside this one and end with it.

use crate::failure::{Failure, failed};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A child process that is stopped when this value is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already, by the same Ctrl-C.
        let process = self.0.id();
        let mut is_running = || matches!(self.0.try_wait(), Ok(None));
        if is_running() {
            // SIGTERM lets the process stop its own children: Spin has one.
            terminate(process);
        }
        let asked = Instant::now();
        while is_running() && asked.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// Sends SIGTERM to a process. The process may have ended already.
fn terminate(process: u32) {
    let _ = Command::new("kill").args(["-TERM", &process.to_string()]).stderr(Stdio::null()).status();
}

/// Passes SIGTERM and SIGINT of this program on to the application.
///
/// The application finishes the requests in progress and closes its output. The loop over that
/// output then ends, and everything else that was started is stopped.
pub(crate) fn end_with_us(application: &Child) -> Result<(), Failure> {
    let process = application.id();
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed("signals"))?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            terminate(process);
        }
    });
    Ok(())
}
