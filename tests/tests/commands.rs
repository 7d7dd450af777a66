//! The bridge's program on its own: exit codes, settings, causes of failures and standard output.

use connectivity_tests::servers::root;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A port on which nothing listens: it is reserved (TCP port service multiplexer).
const CLOSED: &str = "http://127.0.0.1:1";

fn command(settings: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("target/release/connectivity-bridge"));
    command.envs(settings.iter().copied()).args(arguments);
    command
}

/// Asserts the exit code of a command, and that it says these things on standard error.
fn check(settings: &[(&str, &str)], arguments: &[&str], code: i32, expected: &[&str]) {
    let output = command(settings, arguments).stdin(Stdio::null()).output().expect("the bridge");
    assert_failure(&output, code, expected);
}

fn assert_failure(output: &Output, code: i32, expected: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    for expected in expected {
        assert!(errors.contains(expected), "{expected} in {errors}");
    }
    assert!(!errors.contains("panicked") && !errors.contains("hunter"), "{errors}");
}

#[test]
fn invalid_settings_end_a_command_with_64_and_say_what_is_wrong() {
    let encode = "RABBITMQ_URL cannot be read: percent-encode the user name, the password";
    for (name, value, expected) in [
        ("RABBITMQ_URL", "amqp://u:hunter#2@127.0.0.1:5672/", encode),
        ("RABBITMQ_URL", "amqp://u:hunter/2@127.0.0.1:5672/", encode),
        ("RABBITMQ_URL", "amqp://u:12?hunter@127.0.0.1:5672/", encode),
        (
            "RABBITMQ_URL",
            "amqp://u:hunter2@127.0.0.1:5672/\n",
            "RABBITMQ_URL must not contain white space or a line end",
        ),
        ("RABBITMQ_URL", "amqp://u:hunter2@127.0.0.1:five", "RABBITMQ_URL cannot be read: it must look like"),
        ("RABBITMQ_PASSWORD", "hunter2\n", "RABBITMQ_PASSWORD must be UTF-8 text without a line end"),
        ("RABBITMQ_HOST", "127.0.0.1:5672", "RABBITMQ_HOST must be a host name or an IP address"),
        ("RUST_LOG", "hunter=loud", "RUST_LOG must be levels (error, warn,"),
        ("BRIDGE_RESULT_QUEUE", "document.authentication.requested", "BRIDGE_RESULT_QUEUE must not repeat"),
    ] {
        let parts = [("RABBITMQ_USER", "u"), ("RABBITMQ_PASSWORD", "p"), ("RABBITMQ_PORT", "1")];
        check(&[&parts[..], &[(name, value)]].concat(), &["topology"], 64, &[expected]);
    }
    check(&[("DATABASE_URL", "postgres://hunter2")], &["migrate"], 64, &["must look like mysql://"]);
    check(&[], &["topology"], 64, &["RABBITMQ_URL must be set, or RABBITMQ_USER and RABBITMQ_PASSWORD"]);
}

#[test]
fn value_that_is_no_text_is_reported() {
    use std::os::unix::ffi::OsStrExt;
    let mut command = command(&[("RABBITMQ_USER", "u")], &["topology"]);
    let output =
        command.env("RABBITMQ_PASSWORD", std::ffi::OsStr::from_bytes(b"hunter\xff")).output().expect("the bridge");
    assert_failure(&output, 64, &["RABBITMQ_PASSWORD must be UTF-8 text"]);
}

#[test]
fn wrong_usage_ends_with_2() {
    for (arguments, expected) in [
        (&[][..], "Usage"),
        (&["no-such-command"], "unrecognized subcommand"),
        (&["topology", "--no-such-option"], "unexpected argument"),
        (&["dlq", "list", "--limit", "x"], "invalid value 'x' for '--limit"),
    ] {
        check(&[], arguments, 2, &[expected, "--help"]);
    }
}

#[test]
fn every_command_reports_the_cause() {
    let account = [("COMPONENTS_URL", CLOSED), ("ADMIN_CLIENT_ID", "a"), ("ADMIN_CLIENT_SECRET", "hunter2")];
    for arguments in [&["service-account", "list"][..], &["citizen", "show", "1128456232"]] {
        check(&account, arguments, 1, &["cannot get an access token from /oauth/token", "Connection refused"]);
    }
    let bridge = [("COMPONENTS_URL", CLOSED), ("BRIDGE_CLIENT_ID", "b"), ("BRIDGE_CLIENT_SECRET", "hunter2")];
    check(&bridge, &["retention"], 1, &["old records could not be deleted", "Connection refused"]);
    // Without the URL, of which the id is a part.
    let signed = [("COMPONENTS_URL", CLOSED), ("JWT_SECRET", "hunter2 hunter2 hunter2 hunter2 hunter2")];
    let output = command(&signed, &["citizen", "show", "1128456232"]).output().expect("the bridge");
    assert_failure(&output, 1, &["the request to the components at COMPONENTS_URL failed", "Connection refused"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("1128456232"));
    let unknown = [("COMPONENTS_URL", "http://no-such-host.invalid"), signed[1]];
    check(&unknown, &["service-account", "list"], 1, &["dns error"]);
    let rabbitmq = [("RABBITMQ_USER", "u"), ("RABBITMQ_PASSWORD", "hunter2"), ("RABBITMQ_PORT", "1")];
    check(&rabbitmq, &["topology"], 1, &["RabbitMQ: ", "Connection refused"]);
    let of_ipv6 = [("RABBITMQ_HOST", "::1"), rabbitmq[0], rabbitmq[1], rabbitmq[2]];
    let output = command(&of_ipv6, &["topology"]).output().expect("the bridge");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && !errors.contains("empty host"), "{errors}");
}

#[test]
fn standard_output_that_is_full_or_closed_is_no_panic() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = command(&[], &["signing-key"]).stdout(full).output().expect("the bridge");
    assert_failure(&output, 74, &["cannot write to standard output: No space left on device"]);
    // `signing-key | true`: the next program in a pipe has ended. The signal is the usual end then.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command(&[], &["signing-key"]).stdout(writer).output().expect("the bridge");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !errors.contains("panicked"), "{errors}");
}

#[test]
fn lines_that_cannot_be_published_are_named_before_anything_is_published() {
    let settings = [("RABBITMQ_USER", "u"), ("RABBITMQ_PASSWORD", "p"), ("RABBITMQ_PORT", "1")];
    for (input, expected) in [
        (&b"{}\n{\"a\": \"\xe9\"}\n"[..], "line 2 is not UTF-8 (at byte 8), and nothing was published"),
        (b"{}\n\n{\"hunter\": tru}\n", "line 3 is not a JSON object (at column 15), and nothing was published"),
    ] {
        let mut publish = command(&settings, &["publish"]);
        publish.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut publish = publish.spawn().expect("the bridge");
        publish.stdin.take().expect("standard input").write_all(input).expect("written");
        assert_failure(&publish.wait_with_output().expect("an end"), 1, &[expected]);
    }
    check(&settings, &["publish", "/no/such/file"], 1, &["cannot read /no/such/file: No such file"]);
}
