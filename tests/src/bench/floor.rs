//! The native server that the application is compared with: axum with the same I/O as an
//! affiliation check. It verifies one token, calls Redis once, calls the registry once and does one
//! durable INSERT. It has no sandbox, no retries and no circuit breaker.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use mysql_async::prelude::Queryable;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The addresses of its servers, and the secret of the tokens.
pub struct Settings {
    /// `mysql://user:password@host:port/database`
    pub mysql: String,
    /// `redis://:password@host:port/number`
    pub redis: String,
    /// `http://host:port`
    pub registry: String,
    /// The secret that signs the tokens.
    pub secret: String,
}

struct Floor {
    database: mysql_async::Pool,
    cache: redis::aio::MultiplexedConnection,
    registry: Client<HttpConnector, Empty<Bytes>>,
    url: String,
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Check {
    citizen_id: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

const COUNT: &str = "local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

const INSERT: &str = "INSERT INTO affiliation_checks (id, citizen_id, status, exists_in_system, citizen_data, message, \
                      checked_at, external_api_status_code) VALUES (?, ?, ?, ?, ?, ?, NOW(6), ?)";

/// Serves on a free port and prints `Serving http://…`.
pub async fn serve(settings: Settings) {
    let limits = mysql_async::PoolConstraints::new(1, 32).expect("bounds");
    let options = mysql_async::Opts::from_url(&settings.mysql).expect("an address");
    let options =
        mysql_async::OptsBuilder::from_opts(options).pool_opts(mysql_async::PoolOpts::new().with_constraints(limits));
    let cache = redis::Client::open(settings.redis).expect("an address").get_multiplexed_async_connection().await;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["connectivity"]);
    validation.set_issuer(&["connectivity"]);
    let floor = Floor {
        database: mysql_async::Pool::new(options),
        cache: cache.expect("Redis"),
        registry: Client::builder(TokioExecutor::new()).build(connector),
        url: settings.registry,
        key: DecodingKey::from_secret(settings.secret.as_bytes()),
        validation,
    };
    let router = Router::new().route("/api/v1/affiliation/check/", post(check)).with_state(Arc::new(floor));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("Serving http://{}", listener.local_addr().expect("an address"));
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it the connection is slower, but works.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.expect("it serves");
}

async fn check(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> Response {
    match floor.check(&headers, &body).await {
        Some(answer) => axum::Json(answer).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Floor {
    async fn check(&self, headers: &HeaderMap, body: &[u8]) -> Option<Value> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let mut cache = self.cache.clone();
        let key = format!("throttle:{}", claims.sub);
        redis::Script::new(COUNT).key(key).arg(3_600_000).invoke_async::<u64>(&mut cache).await.ok()?;
        let Check { citizen_id } = serde_json::from_slice(body).ok()?;
        let request = Request::get(format!("{}/apis/validateCitizen/{citizen_id}", self.url));
        let response = self.registry.request(request.body(Empty::new()).ok()?).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let citizen_data: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (verdict, exists) = match status {
            204 => ("ELIGIBLE", false),
            200 => ("ALREADY_AFFILIATED", true),
            _ => return None,
        };
        let id = uuid::Uuid::now_v7().to_string();
        let data = citizen_data.as_str().map(str::to_owned);
        let mut connection = self.database.get_conn().await.ok()?;
        connection.exec_drop(INSERT, (id, &citizen_id, verdict, exists, data, "", status)).await.ok()?;
        Some(json!({"citizen_id": citizen_id, "is_eligible": !exists, "external_api_status_code": status,
                    "citizen_data": citizen_data}))
    }
}
