//! The ways in which a registry can misbehave, and what its bytes say all the same.

use std::time::Duration;

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends this text at once.
    Send(String),
    /// Sends this text one byte at a time.
    Drip(&'static str, Duration),
    /// Sends this text so many times.
    Flood(String, usize),
    Wait(Duration),
    /// Sends nothing more and keeps the connection open.
    Hang,
    Close,
    /// Closes with an RST.
    Reset,
}

/// What a complete answer of the registry may be taken for. "No verdict" is always right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing that is an answer.
    Nothing,
    /// 204: the citizen belongs to no operator; the document is refused.
    Free,
    /// 200 with prose: the citizen is affiliated; the document is authentic.
    Affiliated,
    /// One of both, as it changes.
    Either,
}

impl Says {
    /// Returns whether a check may end with this verdict.
    pub fn allows_eligible(self, eligible: bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Free => eligible,
            Self::Affiliated => !eligible,
            Self::Either => true,
        }
    }

    /// Returns whether a document may end with this status.
    pub fn allows_status(self, status: &str) -> bool {
        match status {
            "SUCCESS" => matches!(self, Self::Affiliated | Self::Either),
            "FAILED" => matches!(self, Self::Free | Self::Either),
            _ => true,
        }
    }
}

/// A way to misbehave.
#[derive(Clone, Debug)]
pub struct Behaviour {
    pub name: &'static str,
    pub says: Says,
    /// What is done with a connection before a request is read.
    pub on_accept: Option<Vec<Step>>,
    /// What is answered to the first request, to the second one, and so on, from the start again
    /// after the last.
    pub on_request: Vec<Vec<Step>>,
}

/// The response to a question about a citizen whom nobody has affiliated.
pub const FREE: &str = "HTTP/1.1 204 No Content\r\n\r\n";

const PROSE: &str = "\"El ciudadano con id: 1 se encuentra registrado en el operador: Operador Ciudadano \"";

/// The response to a question about an affiliated citizen.
pub fn affiliated() -> String {
    with_body("HTTP/1.1 200 OK", "application/json", PROSE)
}

/// How much longer than an attempt of the tests a late answer takes.
const LATE: Duration = Duration::from_millis(450);

fn with_body(status: &str, content_type: &str, body: &str) -> String {
    format!("{status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn send(text: impl Into<String>) -> Step {
    Step::Send(text.into())
}

fn answers(name: &'static str, says: Says, steps: Vec<Step>) -> Behaviour {
    Behaviour { name, says, on_accept: None, on_request: vec![steps] }
}

/// An answer that is sent as a whole and is no verdict.
fn invalid(name: &'static str, text: impl Into<String>) -> Behaviour {
    answers(name, Says::Nothing, vec![send(text), Step::Wait(Duration::from_millis(20)), Step::Close])
}

/// Returns all ways.
pub fn table() -> Vec<Behaviour> {
    [connections(), heads(), statuses(), bodies(), repeats()].concat()
}

/// Connections that end or hang at each stage.
fn connections() -> Vec<Behaviour> {
    use Step::{Close, Hang, Reset};
    let on_accept =
        |name, step| Behaviour { name, says: Says::Nothing, on_accept: Some(vec![step]), on_request: Vec::new() };
    let half = "HTTP/1.1 20";
    let status = "HTTP/1.1 204 No Content\r\n";
    let header = "HTTP/1.1 204 No Content\r\nDate: Thu, 01";
    let mut all = vec![
        on_accept("closes a new connection", Close),
        on_accept("resets a new connection", Reset),
        on_accept("accepts and reads nothing", Hang),
    ];
    for (name, text, end) in [
        ("closes after the request", "", Close),
        ("resets after the request", "", Reset),
        ("hangs after the request", "", Hang),
        ("closes in the status line", half, Close),
        ("resets in the status line", half, Reset),
        ("hangs in the status line", half, Hang),
        ("closes after the status line", status, Close),
        ("resets after the status line", status, Reset),
        ("hangs after the status line", status, Hang),
        ("closes in a header", header, Close),
        ("resets in a header", header, Reset),
        ("hangs in a header", header, Hang),
    ] {
        all.push(answers(name, Says::Nothing, vec![send(text), end]));
    }
    all.push(answers("resets after a whole 204", Says::Free, vec![send(FREE), Reset]));
    all.push(answers("resets after a whole 200", Says::Affiliated, vec![send(affiliated()), Reset]));
    all
}

/// Heads that are slow, cut up, or wrong.
fn heads() -> Vec<Behaviour> {
    let drip = |pause| vec![Step::Drip(FREE, Duration::from_millis(pause))];
    vec![
        answers("drips a 204", Says::Free, drip(2)),
        answers("drips a 204 beyond the deadline", Says::Free, drip(50)),
        invalid("sends two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 6\r\n\r\n\"ab\"cd"),
        invalid("sends a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\n\"ab\""),
        invalid("sends a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n\"ab\""),
        invalid("sends a header without a colon", "HTTP/1.1 204 No Content\r\nno colon\r\n\r\n"),
        invalid("sends a header with a NUL", "HTTP/1.1 204 No Content\r\nx: a\0b\r\n\r\n"),
        invalid(
            "sends a header of a megabyte",
            format!("HTTP/1.1 204 No Content\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)),
        ),
        invalid("sends no status line", "204\r\n\r\n"),
        invalid("answers with HTML and no head", "<html>204 No Content</html>\r\n\r\n"),
        invalid("answers with a TLS alert", "\u{15}\u{3}\u{1}\0\u{2}\u{2}F"),
    ]
}

/// Statuses that are no answer, or that come before one.
fn statuses() -> Vec<Behaviour> {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let mut all = vec![
        answers("sends 100 before the 204", Says::Free, vec![send(format!("HTTP/1.1 100 Continue\r\n\r\n{FREE}"))]),
        answers("sends 103 before the 200", Says::Affiliated, vec![send(format!("{early}{}", affiliated()))]),
        answers("sends 103 for ever", Says::Nothing, vec![Step::Flood(early.to_owned(), 5_000), Step::Hang]),
        invalid("switches protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        invalid("speaks HTTP/2", "HTTP/2 204\r\n\r\n"),
    ];
    for (name, status) in [
        ("sends status 20", "20"),
        ("sends status 99", "99"),
        ("sends status 0204", "0204"),
        ("sends status 204.0", "204.0"),
        ("sends status 2O4", "2O4"),
        ("sends status 600", "600 Odd"),
        ("sends status 999", "999 Odd"),
        ("sends status 201", "201 Created"),
        ("sends status 206", "206 Partial Content"),
        ("sends status 301", "301 Moved Permanently"),
        ("sends status 307", "307 Temporary Redirect"),
        ("sends status 304", "304 Not Modified"),
        ("sends status 500", "500 Internal Server Error"),
        ("sends status 501", "501 Not Implemented"),
        ("sends status 503", "503 Service Unavailable"),
    ] {
        let location = if status.starts_with("30") { "Location: /apis/validateCitizen/1000000\r\n" } else { "" };
        all.push(invalid(name, format!("HTTP/1.1 {status}\r\n{location}Content-Length: 0\r\n\r\n")));
    }
    all
}

/// Bodies that are missing, broken off, too long, or of another kind.
fn bodies() -> Vec<Behaviour> {
    let html = "<!DOCTYPE html><html><body>Mantenimiento</body></html>";
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let large = "x".repeat(1024 * 1024);
    let head = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
    };
    let ten = 10 * large.len();
    let json = vec![send(head(ten + 2)), send("\""), Step::Flood(large.clone(), 10), send("\"")];
    vec![
        invalid("sends a maintenance page", with_body("HTTP/1.1 200 OK", "text/html", html)),
        invalid("sends a maintenance page as JSON", with_body("HTTP/1.1 200 OK", "application/json", html)),
        invalid("sends an empty 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        invalid("sends an empty 200 until the end", "HTTP/1.1 200 OK\r\n\r\n"),
        invalid("sends a 200 of blanks", with_body("HTTP/1.1 200 OK", "application/json", "   ")),
        invalid("sends less than its length", format!("{}\"ab\"", head(60))),
        invalid("sends more than its length", format!("{}{PROSE}", head(10))),
        invalid("breaks off in a chunk", format!("{chunked}ff\r\n\"ab")),
        invalid("ends without the last chunk", format!("{chunked}4\r\n\"ab\"\r\n")),
        invalid("sends a chunk size that is no number", format!("{chunked}zz\r\n\"ab\"\r\n0\r\n\r\n")),
        invalid("sends a chunk size of 2^68", format!("{chunked}fffffffffffffffff\r\n\"ab\"\r\n0\r\n\r\n")),
        invalid("sends 10 MB of HTML", with_body("HTTP/1.1 200 OK", "text/html", &large.repeat(10))),
        answers("sends 10 MB of JSON", Says::Affiliated, json),
        answers("hangs in the body", Says::Nothing, vec![send(format!("{}\"ab", head(60))), Step::Hang]),
        answers(
            "drips the body",
            Says::Affiliated,
            vec![send(head(4)), Step::Drip("\"ab\"", Duration::from_millis(10))],
        ),
    ]
}

/// Answers on a connection that is kept: too many, too late, or changing.
fn repeats() -> Vec<Behaviour> {
    let surplus = |text: String| vec![send(text + FREE)];
    let changing = |says, on_request| Behaviour { name: "changes its mind", says, on_accept: None, on_request };
    let surplus_later = vec![send(affiliated()), Step::Wait(Duration::from_millis(5)), send(FREE)];
    vec![
        answers("sends a surplus 204 with each 200", Says::Affiliated, surplus(affiliated())),
        answers("sends a surplus 204 after each 200", Says::Affiliated, surplus_later),
        answers(
            "sends a surplus 204 with each 500",
            Says::Nothing,
            surplus(with_body("HTTP/1.1 500 Error", "text/plain", "x")),
        ),
        answers("sends a 204 after the deadline", Says::Nothing, vec![Step::Wait(LATE), send(FREE)]),
        answers("sends two 204 after the deadline", Says::Nothing, vec![Step::Wait(LATE), send(FREE), send(FREE)]),
        changing(Says::Either, vec![vec![send(FREE)], vec![send(affiliated())]]),
        changing(
            Says::Affiliated,
            vec![vec![send(with_body("HTTP/1.1 503 Unavailable", "text/html", "x"))], vec![send(affiliated())]],
        ),
    ]
}
