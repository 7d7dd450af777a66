//! A key pair to sign tokens with: `jwt_signing_key` and what belongs into `jwt_public_keys`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::json;

/// No key could be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// There is no randomness.
    #[error("this machine gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// It does not become PEM.
    #[error("the key cannot be written: {0}")]
    Writing(#[from] ed25519_dalek::pkcs8::Error),
}

/// Makes a key of Ed25519 and prints both of its halves: the private one on standard output, the public one, a JSON Web
/// Key Set, on standard error, so that each can be sent where it belongs.
pub(crate) fn print() -> Result<(), KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let id = uuid::Uuid::new_v4().simple().to_string();
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x}]});
    print!("{}", key.to_pkcs8_pem(LineEnding::LF)?.as_str());
    eprintln!("{set}");
    Ok(())
}
