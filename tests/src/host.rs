//! The application, running on the local host, or on Spin, as a child process.

use crate::logs;
use crate::servers::root;
use crate::spin;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Signs the tokens of the tests. Not a secret of anything.
pub const SECRET: &str = "a secret for tests alone, 32 bytes or more";

/// The application on a host of its own. It is killed when it is dropped.
pub struct Host {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    state: Option<PathBuf>,
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::env::var_os("LLVM_PROFILE_FILE").is_some() {
            self.say_what_was_reached();
        }
        self.kill();
        self.expect_discretion();
        if let Some(state) = &self.state {
            // What is left is in the system's folder for what may be lost.
            let _ = std::fs::remove_dir_all(state);
        }
    }
}

impl Host {
    /// Starts the application with these variables, on embedded databases of its own where they name no server.
    ///
    /// # Panics
    /// It does not start: the message says what it printed.
    pub fn start(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let scripts = connectivity_migrations::SQLITE.map(|script| format!("@{script}"));
        let scripts = scripts.iter().flat_map(|script| ["--sqlite", script]);
        let arguments: Vec<&str> = scripts.chain(arguments.iter().copied()).collect();
        Self::start_application(&[&[("jwt_secret", SECRET)], variables].concat(), &arguments)
    }

    /// Starts the application that the arguments name, on databases of its own.
    ///
    /// # Panics
    /// It does not start: the message says what it printed.
    pub fn start_application(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let state = std::env::temp_dir().join(format!("connectivity-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&state).expect("a folder");
        let mut command = program();
        command.current_dir(root()).arg("--state-dir").arg(&state).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        for (name, value) in variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let mut host = Self::run(command);
        host.state = Some(state);
        host
    }

    /// Runs a program that says which address it serves.
    ///
    /// # Panics
    /// It does not: the message says what it printed.
    pub fn run(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run `cargo xtask build` first");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr = child.stderr.take().expect("stderr");
        collect(BufReader::new(stderr), Arc::clone(&log));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        // Spin says other things before.
        let address = stdout.by_ref().lines().map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("Serving http://").and_then(|address| address.parse().ok());
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            address
        });
        collect(stdout, Arc::clone(&log));
        let Some(address) = address else {
            // It has ended: all that it said is there soon.
            let _ = child.wait();
            panic!("the host did not start: {:?}", log.lock());
        };
        Self { child, address, log, state: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that serves.
    pub fn process(&self) -> u32 {
        spin::serving(self.child.id())
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No line of its log says what none may say.
    fn expect_discretion(&self) {
        // A scenario that has failed says why itself, and to panic twice would hide it.
        if std::thread::panicking() {
            return;
        }
        for line in self.log() {
            assert!(logs::is_whole(&line), "two lines in one: {line}");
            let leak = logs::leak(&line);
            assert!(leak.is_none(), "the log tells {}: {line}", leak.unwrap_or_default());
        }
    }

    /// Kills it: no signal that it could hear.
    pub fn kill(&mut self) {
        spin::kill_child_of(self.child.id());
        // It may have ended already.
        let _ = (self.child.kill(), self.child.wait());
    }

    /// A program that was built for `cargo xtask coverage` writes down what it reached when it ends by itself.
    fn say_what_was_reached(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to stop, and tells how it ended.
    ///
    /// # Panics
    /// It cannot be asked.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end, and tells how it was.
    ///
    /// # Panics
    /// It cannot be waited for.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("an end")
    }

    /// Sends it a signal, by its name without SIG.
    ///
    /// # Panics
    /// It cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

/// What runs the application: the local host, or Spin. They have the same options.
fn program() -> Command {
    spin::up().unwrap_or_else(|| {
        let mut command = Command::new(root().join("target/release/connectivity-host"));
        // Compiling takes longer than most scenarios: once for all of them.
        command.arg("--compiled-dir").arg(root().join("target"));
        command
    })
}

fn collect(lines: impl BufRead + Send + 'static, log: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}
