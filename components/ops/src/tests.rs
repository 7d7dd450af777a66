//! The probes, with a lookout that sees what it is told.

use crate::routes::{Look, Lookout, router};
use bytes::Bytes;
use connectivity_kit::answer;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone)]
struct Sees {
    database: &'static str,
    cache: &'static str,
}

impl Lookout for Sees {
    async fn database(&self) -> Look {
        Look { status: self.database, latency: Duration::from_micros(1500) }
    }

    async fn cache(&self) -> (Look, Option<&'static str>) {
        (Look { status: self.cache, latency: Duration::ZERO }, (self.cache == "up").then_some("closed"))
    }
}

async fn get(path: &str, lookout: Option<Sees>) -> (u16, Value) {
    let request = Request::get(path).body(Bytes::new()).expect("a request");
    let answer = answer::exchange(request, None, |request| answer::route(router(lookout), request)).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

#[tokio::test]
async fn only_what_is_needed_makes_it_unready() {
    for (database, cache, status) in
        [("up", "up", 200), ("up", "down", 200), ("down", "up", 503), ("down", "down", 503)]
    {
        let (answered, body) = get("/health/ready", Some(Sees { database, cache })).await;
        assert_eq!(answered, status, "{body}");
        assert_eq!(body["dependencies"]["database"], json!({"status": database, "latency_ms": 1.5, "needed": true}));
        assert_eq!(
            (&body["dependencies"]["cache"]["status"], &body["dependencies"]["cache"]["needed"]),
            (&json!(cache), &json!(false))
        );
        assert_eq!(get("/health/live", Some(Sees { database, cache })).await.0, 200);
    }
}

#[tokio::test]
async fn with_wrong_settings_it_lives_and_is_not_ready() {
    assert_eq!(get("/health/ready/", None).await.0, 503);
    assert_eq!(get("/health/live/", None).await.0, 200);
}
