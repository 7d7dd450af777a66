//! A second token issuer, which signs with its own keys and publishes them over HTTP.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use p256::elliptic_curve::rand_core::OsRng;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// The `iss` claim of its tokens.
pub const ISSUER: &str = "https://identity.example";

/// A key pair.
pub struct Key {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    /// The private key of Ed25519 as PEM. The others have none.
    pem: String,
    public: Value,
}

impl Key {
    /// Generates an RSA key of 2,048 bits.
    pub fn rsa(id: &str) -> Self {
        let key = rsa::RsaPrivateKey::new(&mut OsRng, 2048).expect("a key");
        let der = key.to_pkcs1_der().expect("DER");
        let private = EncodingKey::from_rsa_der(der.as_bytes());
        let (n, e) = (base64(&key.n().to_bytes_be()), base64(&key.e().to_bytes_be()));
        let public = json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": n, "e": e});
        Self { id: id.to_owned(), algorithm: Algorithm::RS256, private, pem: String::new(), public }
    }

    /// Generates a P-256 key.
    pub fn p256(id: &str) -> Self {
        let key = p256::SecretKey::random(&mut OsRng);
        let private = EncodingKey::from_ec_der(key.to_pkcs8_der().expect("DER").as_bytes());
        let point = key.public_key().to_encoded_point(false);
        let (x, y) = (base64(point.x().expect("x")), base64(point.y().expect("y")));
        let public = json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y});
        Self { id: id.to_owned(), algorithm: Algorithm::ES256, private, pem: String::new(), public }
    }

    /// Generates an Ed25519 key.
    pub fn ed25519(id: &str) -> Self {
        let key = SigningKey::generate(&mut OsRng);
        let private = EncodingKey::from_ed_der(key.to_pkcs8_der().expect("DER").as_bytes());
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string();
        let x = base64(key.verifying_key().as_bytes());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x});
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, private, pem, public }
    }

    /// Returns a token signed with this key.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(&self.id), claims)
    }

    /// Returns a token signed with this key, with another `kid` or none.
    pub fn sign_as(&self, id: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = id.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.private).expect("a token")
    }

    /// Returns a token signed with this key under another algorithm of its kind, with any header.
    pub fn sign_with(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = crypto::sign(signed.as_bytes(), &self.private, algorithm).expect("a signature");
        format!("{signed}.{signature}")
    }

    /// Returns the public key as a JSON Web Key.
    pub fn public(&self) -> &Value {
        &self.public
    }

    /// Returns the variables of an application that signs with this Ed25519 key, and has no secret.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let published = json!({"keys": [self.public]}).to_string();
        [("jwt_signing_key", self.pem.clone()), ("jwt_public_keys", published), ("jwt_secret", String::new())]
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the claims of a valid access token of this issuer.
pub fn claims() -> Value {
    let mut claims = crate::client::claims();
    claims["iss"] = ISSUER.into();
    claims
}

struct Published {
    set: String,
    fetches: AtomicUsize,
}

/// A server that publishes keys. It stops on drop.
pub struct Issuer {
    origin: String,
    published: Arc<Published>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    /// Publishes these keys on a free port.
    pub async fn start(keys: &[&Key]) -> Self {
        Self::publish(keys.iter().map(|key| key.public().clone()).collect()).await
    }

    /// Publishes these JSON Web Keys on a free port.
    pub async fn publish(keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let published = Arc::new(Published { set: json!({ "keys": keys }).to_string(), fetches: AtomicUsize::new(0) });
        let router = Router::new().route("/keys", get(keys_of)).with_state(Arc::clone(&published));
        let task = tokio::spawn(async move {
            // The server ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Self { origin, published, task }
    }

    /// Returns the variables with which the application trusts this issuer.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        variables(&self.origin)
    }

    /// Returns how often its keys were fetched.
    pub fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::Relaxed)
    }
}

/// Returns the variables with which the application trusts an issuer at this origin.
pub fn variables(origin: &str) -> [(&'static str, String); 4] {
    [
        ("jwt_jwks_url", format!("{origin}/keys")),
        ("jwt_jwks_origin", origin.to_owned()),
        ("jwt_jwks_issuer", ISSUER.to_owned()),
        ("jwt_jwks_scopes", "affiliation".to_owned()),
    ]
}

async fn keys_of(State(published): State<Arc<Published>>) -> String {
    published.fetches.fetch_add(1, Ordering::Relaxed);
    published.set.clone()
}
