//! Generates a key pair that signs access tokens.

use crate::output::print_line;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::json;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the operating system provides no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("cannot encode the key: {0}")]
    Encoding(#[from] ed25519_dalek::pkcs8::Error),
}

/// Generates an Ed25519 key. Prints the private key to standard output and the public key, as a
/// JSON Web Key Set, to standard error, so that the two can be redirected separately.
pub(crate) fn signing_key() -> Result<(), KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let id = uuid::Uuid::new_v4().simple().to_string();
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x}]});
    print_line!("{}", key.to_pkcs8_pem(LineEnding::LF)?.trim_end());
    eprintln!("{set}");
    Ok(())
}
