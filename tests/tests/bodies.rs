//! Black-box tests of request bodies as they arrive on a connection: in pieces, in chunks, with
//! trailers, too long, or not at all.

use connectivity_tests::backend::On;
use connectivity_tests::check::Scene;
use connectivity_tests::client::token;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: &str = r#"{"citizen_id": "1128456232"}"#;

/// Sends these pieces over one connection, each after a pause so that it arrives by itself. Then ends
/// the sending side if `ends`. Returns the statuses of the first `count` responses, or of fewer if the
/// server closes the connection before.
async fn exchange(scene: &Scene, pieces: &[String], ends: bool, count: usize) -> Vec<String> {
    let mut stream = TcpStream::connect(scene.host.address()).await.expect("a connection");
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.expect("written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if ends {
        stream.shutdown().await.expect("ended");
    }
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&received);
        let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|response| response[..3].to_owned()).collect();
        if statuses.len() == count || stream.read_buf(&mut received).await.unwrap_or_default() == 0 {
            return statuses;
        }
    }
}

/// Returns the head of a check with these further header fields.
fn head(fields: &str) -> String {
    let token = token();
    format!(
        "POST /api/v1/affiliation/check/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{fields}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn complete_bodies_are_read_however_they_arrive() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let sized = head(&format!("Content-Length: {}", BODY.len()));
    let chunked = head("Transfer-Encoding: chunked");
    let (first, rest) = BODY.split_at(9);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let trailers = "0\r\nX-Checksum: 1\r\nX-Other: 2\r\n\r\n";
    let expecting = head(&format!("Expect: 100-continue\r\nContent-Length: {}", BODY.len()));
    let twice = format!("{sized}{BODY}{sized}{BODY}");
    for (how, pieces, expected) in [
        ("at once", vec![format!("{sized}{BODY}")], vec!["200"]),
        ("in two pieces", vec![sized.clone(), first.to_owned(), rest.to_owned()], vec!["200"]),
        ("in chunks", vec![chunked.clone(), chunk(first), chunk(rest), "0\r\n\r\n".into()], vec!["200"]),
        ("with trailers", vec![format!("{chunked}{}", chunk(BODY)), trailers.into()], vec!["200"]),
        ("after 100 Continue", vec![expecting, BODY.to_owned()], vec!["100", "200"]),
        ("as two requests in one packet", vec![twice], vec!["200", "200"]),
    ] {
        assert_eq!(exchange(&scene, &pieces, false, expected.len()).await, expected, "{how}");
    }
    assert_eq!(scene.history("1128456232").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_and_oversized_bodies_are_not_checked() {
    let scene = Scene::new(On::Embedded, &[]).await;
    let longer = head(&format!("Content-Length: {}", BODY.len() + 1));
    let chunked = head("Transfer-Encoding: chunked");
    let chunk = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    let spaces = format!("{:x}\r\n{}\r\n", 40_000, " ".repeat(40_000));
    for (how, pieces, ends, expected) in [
        ("shorter than announced", vec![longer, BODY.to_owned()], true, "400"),
        ("without its last chunk", vec![chunked.clone(), chunk.clone()], true, "400"),
        ("empty", vec![head("Content-Length: 0")], false, "400"),
        ("without a length", vec![head("X-None: 1")], false, "400"),
        ("longer than 64 KiB in chunks", vec![chunked.clone(), spaces.clone(), spaces, chunk], false, "413"),
        ("announced as longer than 64 KiB", vec![head("Content-Length: 65537")], false, "413"),
        ("of a negative length", vec![head("Content-Length: -1")], false, "400"),
        ("of two lengths", vec![head("Content-Length: 1\r\nContent-Length: 28"), BODY.to_owned()], false, "400"),
    ] {
        let statuses = exchange(&scene, &pieces, ends, 1).await;
        // The server need not answer a request that broke off.
        assert!(statuses == [expected] || ends && statuses.is_empty(), "{how}: {statuses:?}");
    }
    assert_eq!(scene.history("1128456232").await.len(), 0);
}
