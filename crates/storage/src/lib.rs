//! Records and shared state: SQL over MySQL, MariaDB or the host's SQLite, and a cache over Redis
//! or SQLite.
//!
//! [`database`] runs statements on pooled connections, [`table`] reads rows and pages for the
//! stores of the components, [`job_store`] is the store of every job, [`audit`] the audit log,
//! [`retention`] deletes old records, and [`cache`] holds what all instances share for a while: small
//! values, rate-limit counters, revoked sessions and metric counts.
//!
//! It depends on `connectivity-domain`, `connectivity-runtime`, and `connectivity-migrations`, whose
//! steps it applies to SQLite. It never decides anything about a request: statements and scripts
//! return facts, and the crates above act on them. It names no HTTP type and no table of a
//! component, except `access_audit`, which all components write, and `sessions`, which the embedded
//! cache looks up in the same statement as the rate limit.

mod address;
pub mod audit;
pub mod cache;
pub mod database;
pub mod job_store;
pub mod pool;
mod recent_failures;
pub mod retention;
mod sql;
pub mod table;
