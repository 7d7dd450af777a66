//! SHA-256, in the implementation that verifies signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::ThumbprintHash;

/// Returns the SHA-256 of these texts, in base64url. Each is preceded by its length, so that other
/// texts have another digest.
pub(super) fn sha256(texts: &[&str]) -> String {
    let mut data = Vec::new();
    for text in texts {
        data.extend_from_slice(&(text.len() as u64).to_be_bytes());
        data.extend_from_slice(text.as_bytes());
    }
    URL_SAFE_NO_PAD.encode((DEFAULT_PROVIDER.jwk_utils.compute_digest)(&data, ThumbprintHash::SHA256))
}
