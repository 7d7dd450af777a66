//! Runs the application as a child process, on the local host or on Spin.

use crate::build::Build;
use crate::folder::{Temporary, temporary};
use crate::logs;
use crate::spin;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The secret that signs the tokens of the tests. A test value: it protects nothing.
pub const SECRET: &str = "a secret for tests alone, 32 bytes or more";

/// A child process that serves HTTP and logs lines. It is killed on drop, and its log is searched
/// for secrets.
pub struct Host {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    state: Option<Temporary>,
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::env::var_os("LLVM_PROFILE_FILE").is_some() {
            self.write_coverage();
        }
        self.kill();
        self.check_log();
    }
}

impl Host {
    /// Starts the application of spin.toml with these variables, with SQLite databases of its own.
    pub fn start<V: AsRef<str>>(variables: &[(&str, V)], arguments: &[&str]) -> Self {
        Self::start_with(variables, arguments, &[])
    }

    /// Like [`Self::start`], with variables of the environment.
    pub fn start_with<V: AsRef<str>>(
        variables: &[(&str, V)],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_ref()));
        let variables: Vec<_> = [("jwt_secret", SECRET)].into_iter().chain(variables).collect();
        Self::launch(&Build::current(), &variables, arguments, environment)
    }

    /// Like [`Self::start`], with the programs and components of this build.
    pub fn start_build(build: &Build, variables: &[(&str, String)], arguments: &[&str]) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<_> = [("jwt_secret", SECRET)].into_iter().chain(variables).collect();
        Self::launch(build, &variables, arguments, &[])
    }

    /// Starts the application that `--from` names, with SQLite databases of its own.
    pub fn start_application(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::launch(&Build::current(), variables, arguments, &[])
    }

    fn launch(build: &Build, variables: &[(&str, &str)], arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let state = temporary();
        let mut command = build.host();
        command.args(arguments).envs(environment.iter().copied());
        if !arguments.contains(&"--state-dir") {
            command.arg("--state-dir").arg(&*state);
        }
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        for (name, value) in variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        Self::run_in(command, Some(state))
    }

    /// Runs a program that prints the address it serves, as `Serving http://…`.
    pub fn run(command: Command) -> Self {
        Self::run_in(command, None)
    }

    fn run_in(mut command: Command, state: Option<Temporary>) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run `cargo xtask build` first");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr = child.stderr.take().expect("stderr");
        collect(BufReader::new(stderr), Arc::clone(&log));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        // Spin prints other lines first.
        let address = stdout.by_ref().lines().map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("Serving http://").and_then(|address| address.parse().ok());
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            address
        });
        collect(stdout, Arc::clone(&log));
        let Some(address) = address else {
            // The process is ending. After that its log is complete.
            let _ = child.wait();
            panic!("the host did not start: {:?}", log.lock());
        };
        Self { child, address, log, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the folder with the SQLite databases of the application.
    pub fn state(&self) -> &Path {
        self.state.as_deref().expect("a state folder of its own")
    }

    /// Returns the id of the process that serves.
    pub fn process(&self) -> u32 {
        spin::serving(self.child.id())
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the lines of its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asserts that every line of the log is whole and contains no secret.
    fn check_log(&self) {
        // A second panic would abort the process and hide the first one.
        if std::thread::panicking() {
            return;
        }
        for line in self.log() {
            assert!(logs::is_whole(&line), "the log has two lines in one: {line}");
            let leak = logs::leak(&line);
            assert!(leak.is_none(), "the log contains {}: {line}", leak.unwrap_or_default());
        }
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        spin::kill_child_of(self.child.id());
        // The process may have ended already.
        let _ = (self.child.kill(), self.child.wait());
    }

    /// Lets a program that was built for `cargo xtask coverage` exit by itself, which writes its
    /// coverage.
    fn write_coverage(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM and returns the exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for the process to exit and returns its status.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("an end")
    }

    /// Sends a signal, named without SIG.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

fn collect(lines: impl BufRead + Send + 'static, log: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}
