//! Service accounts, logins and the sessions that logins start.

mod account;
mod audit;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod login;
mod login_pace;
mod login_throttle;
mod scope;
mod seed;
mod session;

pub use account::{
    Account, AccountChange, AccountName, Accounts, NameError, NewSecret, RateLimitChange, Secrets, StoredAccount,
};
pub use audit::{Audit, Event, LoginOrigin};
pub use login::{Credentials, LoggedIn, Login, LoginError, authenticate, log_in};
pub use login_pace::{LONGEST_WAIT, LoginPace, LoginQueue, Slot};
pub use login_throttle::{Attempts, FailedLogins, LoginThrottle, MEMORY as FAILED_LOGINS_MEMORY, Tried, WrongSecrets};
pub use scope::{Scope, ScopeError, Scopes};
pub use seed::{Seed, Seeds};
pub use session::{RefreshError, Refreshed, Rotation, Session, Sessions, end, refresh};

#[cfg(test)]
mod tests;
