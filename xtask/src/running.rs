//! Programs that run beside this one, and end with it.

use crate::run::block_on;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Ends its process with it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, by the same Ctrl-C.
        let process = self.0.id();
        let mut is_running = || matches!(self.0.try_wait(), Ok(None));
        if is_running() {
            // Asked, and not killed, it takes its own children with it: Spin has one.
            terminate(process);
        }
        let asked = Instant::now();
        while is_running() && asked.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// How long a program that was started here may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a process to end. It may have ended already.
fn terminate(process: u32) {
    let _ = Command::new("kill").args(["-TERM", &process.to_string()]).stderr(Stdio::null()).status();
}

/// Has the application end when this program is asked to, however that is asked. It finishes what is in work; then this
/// program's loop over its output ends, and with it everything else that was started.
pub(super) fn end_with_us(application: &Child) {
    let process = application.id();
    std::thread::spawn(move || {
        let asked = block_on(async {
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::io::Result::Ok(())
        });
        if matches!(asked, Ok(Ok(()))) {
            terminate(process);
        }
    });
}
