//! Measures logins, and the share of the Argon2id hash: in the component, and natively for
//! comparison.

use super::process::resident;
use crate::access::{Access, OPERATOR};
use crate::backend::On;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use serde_json::json;
use std::time::{Duration, Instant};

/// The number of concurrent logins in the second part.
const CONCURRENCY: u32 = 8;

/// Logs in `logins` times one after another, and then about as often concurrently.
pub async fn measure(logins: u32) {
    let access = Access::start(On::Servers, &[("log_level", "warn")]).await;
    let token = access.granted("operator", OPERATOR, None).await;
    let hashes = access.backend().query("SELECT secret_hash FROM service_accounts WHERE name = 'operator'").await;
    let stored = hashes.first().expect("an account").clone();
    // The three measurements alternate, so that changes of the machine's load affect all of them.
    let (mut whole, mut without, mut native) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..logins {
        let started = Instant::now();
        access.granted("operator", OPERATOR, None).await;
        whole.push(started.elapsed());
        let started = Instant::now();
        assert_eq!(access.post("/api/v1/token/verify/", &json!({"token": token})).await.status, 200);
        without.push(started.elapsed());
        let started = Instant::now();
        let parsed = PasswordHash::new(&stored).expect("a PHC string");
        // The parameters are those in the string.
        assert!(Argon2::default().verify_password(OPERATOR.as_bytes(), &parsed).is_ok());
        native.push(started.elapsed());
    }
    let [whole, without, native] = [whole, without, native].map(median);
    let hash = whole.saturating_sub(without);
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!("login                            {:>8.1} ms", milliseconds(whole));
    println!("request without a hash           {:>8.1} ms", milliseconds(without));
    println!("difference: the hash in wasm     {:>8.1} ms", milliseconds(hash));
    println!("the same hash natively           {:>8.1} ms", milliseconds(native));
    println!("ratio                            {:>8.2}", hash.as_secs_f64() / native.as_secs_f64());
    let before = resident(access.host.process());
    let rounds = logins.div_ceil(CONCURRENCY);
    let started = Instant::now();
    for _ in 0..rounds {
        let together = (0..CONCURRENCY).map(|_| access.granted("operator", OPERATOR, None));
        futures_util::future::join_all(together).await;
    }
    let count = f64::from(rounds * CONCURRENCY);
    println!("logins/s, {CONCURRENCY} concurrent          {:>8.1}", count / started.elapsed().as_secs_f64());
    println!("memory of the host               {:>4} -> {} MiB", before, resident(access.host.process()));
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
