//! Accounts, seeds, sessions and the audit in SQL. Every change is one statement or one
//! transaction.

use connectivity_domain::access::{
    Account, AccountChange, AccountName, Accounts, Audit, Event, LoginOrigin, RateLimitChange, Scopes, Seed, Seeds,
    Session, Sessions, StoredAccount,
};
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
use connectivity_storage::cache::Revocation;
use connectivity_storage::database::{Database, Row, Sql, Value};
use connectivity_storage::table::Table;
use std::collections::BTreeMap;
use std::sync::Arc;

macro_rules! accounts {
    ($condition:literal) => {
        Sql {
            mysql: concat!(
                "SELECT name, secret_hash, scopes, disabled, ",
                "DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s.%f'), DATE_FORMAT(rotated_at, '%Y-%m-%d %H:%i:%s.%f'), ",
                "DATE_FORMAT(last_used_at, '%Y-%m-%d %H:%i:%s.%f'), rate_limit FROM service_accounts ",
                $condition
            ),
            sqlite: concat!(
                "SELECT name, secret_hash, scopes, disabled, created_at, rotated_at, last_used_at, ",
                "rate_limit FROM service_accounts ",
                $condition
            ),
        }
    };
}

macro_rules! sessions {
    ($condition:literal) => {
        Sql {
            mysql: concat!(
                "SELECT id, subject, refresh_id, DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s.%f'), ",
                "DATE_FORMAT(secret_at, '%Y-%m-%d %H:%i:%s.%f'), DATE_FORMAT(expires_at, '%Y-%m-%d %H:%i:%s.%f'), ",
                "DATE_FORMAT(revoked_at, '%Y-%m-%d %H:%i:%s.%f') FROM sessions ",
                $condition
            ),
            sqlite: concat!(
                "SELECT id, subject, refresh_id, created_at, secret_at, expires_at, revoked_at FROM sessions ",
                $condition
            ),
        }
    };
}

const ACCOUNT: Sql = accounts!("WHERE name = ?");
const ALL_ACCOUNTS: Sql = accounts!("ORDER BY name");

const INSERT_ACCOUNT: Sql = Sql::same(
    "INSERT INTO service_accounts
       (name, secret_hash, scopes, disabled, created_at, rotated_at, last_used_at, rate_limit)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
);

/// A parameter that is NULL changes nothing, except that of the rate limit, which has a flag of its
/// own: there NULL is the default.
const CHANGE_ACCOUNT: Sql = Sql::same(
    "UPDATE service_accounts
     SET scopes = COALESCE(?, scopes), disabled = COALESCE(?, disabled), secret_hash = COALESCE(?, secret_hash),
         rotated_at = COALESCE(?, rotated_at), rate_limit = CASE WHEN ? = 1 THEN ? ELSE rate_limit END
     WHERE name = ?",
);

const DELETE_ACCOUNT: Sql = Sql::same("DELETE FROM service_accounts WHERE name = ?");
const USED: Sql = Sql::same("UPDATE service_accounts SET last_used_at = ? WHERE name = ?");

const SEEDS: Sql = Sql::same("SELECT name, version FROM service_account_seeds");

/// Records that a version of a seed is applied, unless this one or a later one was. The next
/// statements have an effect only if `applied_by` is theirs. MySQL changes the columns in this
/// order, so the version is the last.
const CLAIM_SEED: Sql = Sql {
    mysql: "INSERT INTO service_account_seeds (name, version, applied_by, applied_at) VALUES (?, ?, ?, ?)
            ON DUPLICATE KEY UPDATE
              applied_by = IF(version < VALUES(version), VALUES(applied_by), applied_by),
              applied_at = IF(version < VALUES(version), VALUES(applied_at), applied_at),
              version = GREATEST(version, VALUES(version))",
    sqlite: "INSERT INTO service_account_seeds (name, version, applied_by, applied_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET
               applied_by = excluded.applied_by, applied_at = excluded.applied_at, version = excluded.version
             WHERE version < excluded.version",
};

const SEED_ACCOUNT: Sql = Sql {
    mysql: "INSERT INTO service_accounts (name, secret_hash, scopes, disabled, created_at, rotated_at)
            SELECT name, ?, ?, 0, applied_at, applied_at FROM service_account_seeds WHERE name = ? AND applied_by = ?
            ON DUPLICATE KEY UPDATE
              secret_hash = VALUES(secret_hash), scopes = VALUES(scopes), rotated_at = VALUES(rotated_at)",
    sqlite: "INSERT INTO service_accounts (name, secret_hash, scopes, disabled, created_at, rotated_at)
             SELECT name, ?, ?, 0, applied_at, applied_at FROM service_account_seeds WHERE name = ? AND applied_by = ?
             ON CONFLICT (name) DO UPDATE SET
               secret_hash = excluded.secret_hash, scopes = excluded.scopes, rotated_at = excluded.rotated_at",
};

const END_ALL_OF_SEED: Sql = Sql::same(
    "UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL AND subject =
       (SELECT name FROM service_account_seeds WHERE name = ? AND applied_by = ?)",
);

const IS_SEEDED: Sql = Sql::same("SELECT name FROM service_account_seeds WHERE name = ? AND applied_by = ?");

const SESSION: Sql = sessions!("WHERE id = ?");
const ENDED_SESSIONS: Sql = sessions!("WHERE subject = ? AND revoked_at = ? AND expires_at > ?");

/// The lock on the account makes the statement wait for a transaction that is changing the account,
/// and read what that transaction committed, whatever the isolation level.
const BEGIN: Sql = Sql {
    mysql: "INSERT INTO sessions (id, subject, refresh_id, created_at, secret_at, expires_at, revoked_at)
            SELECT ?, name, ?, ?, rotated_at, ?, NULL FROM service_accounts
            WHERE name = ? AND secret_hash = ? AND disabled = 0 LOCK IN SHARE MODE",
    sqlite: "INSERT INTO sessions (id, subject, refresh_id, created_at, secret_at, expires_at, revoked_at)
             SELECT ?, name, ?, ?, rotated_at, ?, NULL FROM service_accounts
             WHERE name = ? AND secret_hash = ? AND disabled = 0",
};

/// Returns the scopes of the account of a session, if the session exists.
const HELD_SCOPES: Sql =
    Sql::same("SELECT scopes FROM service_accounts WHERE name = (SELECT subject FROM sessions WHERE id = ?)");

/// Of two requests with the same refresh token, only one changes the row.
const EXCHANGE: Sql = Sql::same(
    "UPDATE sessions SET refresh_id = ?, expires_at = ? WHERE id = ? AND refresh_id = ? AND revoked_at IS NULL",
);

const END: Sql = Sql {
    mysql: "INSERT INTO sessions (id, subject, refresh_id, created_at, expires_at, revoked_at)
            VALUES (?, ?, NULL, ?, ?, ?) ON DUPLICATE KEY UPDATE revoked_at = COALESCE(revoked_at, ?)",
    sqlite: "INSERT INTO sessions (id, subject, refresh_id, created_at, expires_at, revoked_at)
             VALUES (?, ?, NULL, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET revoked_at = COALESCE(revoked_at, ?)",
};

const END_ALL: Sql = Sql::same("UPDATE sessions SET revoked_at = ? WHERE subject = ? AND revoked_at IS NULL");

/// Every new session deletes a few expired ones, so that they do not accumulate. An ended session
/// stays as long as one of its tokens could still be accepted, because clocks differ.
const CLEAN: Sql = Sql {
    mysql: "DELETE FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT 4",
    sqlite: "DELETE FROM sessions WHERE id IN
               (SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT 4)",
};

const NOTE: Sql = Sql::same(
    "INSERT INTO access_audit (id, at, event, subject, actor, address, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
);

/// The tables `service_accounts`, `sessions` and `access_audit`.
pub(crate) struct Store {
    tables: Table,
    new_id: fn() -> String,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>, new_id: fn() -> String) -> Self {
        Self {
            tables: Table::new(database, "service_accounts, service_account_seeds, sessions or access_audit"),
            new_id,
        }
    }

    /// Runs a statement on an account and ends the account's sessions, in one transaction. Returns
    /// the sessions that ended and whose tokens have not expired.
    async fn end_all_with(
        &self,
        statement: (Sql, Vec<Value>),
        name: &AccountName,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let (subject, at) = (Value::text(name.as_str()), Value::time(at));
        // The account comes first: a login that locks it afterwards finds it changed, and the
        // session of a login that locked it before is ended.
        let ending = (END_ALL, vec![at.clone(), subject.clone()]);
        self.tables.run_together(vec![statement, ending]).await?;
        self.tables.read(ENDED_SESSIONS, vec![subject, at.clone(), at], session).await
    }
}

impl Accounts for Store {
    async fn find(&self, name: &AccountName) -> Result<Option<StoredAccount>, StoreError> {
        Ok(self.tables.read(ACCOUNT, vec![Value::text(name.as_str())], account).await?.pop())
    }

    async fn list(&self) -> Result<Vec<Account>, StoreError> {
        let stored = self.tables.read(ALL_ACCOUNTS, Vec::new(), account).await?;
        Ok(stored.into_iter().map(|stored| stored.account).collect())
    }

    async fn insert(&self, stored: &StoredAccount) -> Result<bool, StoreError> {
        let account = &stored.account;
        let parameters = vec![
            Value::text(account.name.as_str()),
            Value::text(&stored.secret_hash),
            Value::text(&account.scopes.to_string()),
            Value::truth(account.disabled),
            Value::time(account.created_at),
            Value::time(account.rotated_at),
            account.last_used_at.map_or(Value::Null, Value::time),
            Value::optional(account.rate_limit.as_deref()),
        ];
        self.tables.insert(INSERT_ACCOUNT, parameters).await
    }

    async fn change(
        &self,
        name: &AccountName,
        change: &AccountChange,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let secret = change.secret.as_ref();
        let parameters = vec![
            Value::optional(change.scopes.as_ref().map(Scopes::to_string).as_deref()),
            change.disabled.map_or(Value::Null, Value::truth),
            Value::optional(secret.map(|secret| secret.hash.as_str())),
            secret.map_or(Value::Null, |secret| Value::time(secret.at)),
            Value::truth(change.rate_limit != RateLimitChange::Keep),
            match &change.rate_limit {
                RateLimitChange::Own(limit) => Value::text(limit),
                RateLimitChange::Keep | RateLimitChange::Default => Value::Null,
            },
            Value::text(name.as_str()),
        ];
        if change.ends_sessions {
            return self.end_all_with((CHANGE_ACCOUNT, parameters), name, at).await;
        }
        self.tables.run(CHANGE_ACCOUNT, parameters).await?;
        Ok(Vec::new())
    }

    async fn delete(&self, name: &AccountName, at: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.end_all_with((DELETE_ACCOUNT, vec![Value::text(name.as_str())]), name, at).await
    }

    async fn used(&self, name: &AccountName, at: Timestamp) -> Result<(), StoreError> {
        self.tables.run(USED, vec![Value::time(at), Value::text(name.as_str())]).await?;
        Ok(())
    }
}

impl Seeds for Store {
    async fn applied_seeds(&self) -> Result<BTreeMap<AccountName, u64>, StoreError> {
        Ok(self.tables.read(SEEDS, Vec::new(), applied).await?.into_iter().collect())
    }

    async fn apply_seed(&self, seed: &Seed, id: &str, at: Timestamp) -> Result<Option<Vec<Session>>, StoreError> {
        let (name, id, at) = (Value::text(seed.name.as_str()), Value::text(id), Value::time(at));
        let (hash, scopes) = (Value::text(&seed.secret_hash), Value::text(&seed.scopes.to_string()));
        let statements = vec![
            (CLAIM_SEED, vec![name.clone(), Value::number(seed.version), id.clone(), at.clone()]),
            (SEED_ACCOUNT, vec![hash, scopes, name.clone(), id.clone()]),
            (END_ALL_OF_SEED, vec![at.clone(), name.clone(), id.clone()]),
        ];
        self.tables.run_together(statements).await?;
        if self.tables.run(IS_SEEDED, vec![name.clone(), id]).await?.is_empty() {
            return Ok(None);
        }
        self.tables.read(ENDED_SESSIONS, vec![name, at.clone(), at], session).await.map(Some)
    }
}

impl Sessions for Store {
    async fn begin(&self, session: &Session, secret_hash: &str) -> Result<Option<Scopes>, StoreError> {
        let unusable = session.created_at.minus(Revocation::LEEWAY);
        self.tables.run(CLEAN, vec![Value::time(unusable)]).await?;
        let parameters = vec![
            Value::text(&session.id),
            Value::optional(session.refresh_id.as_deref()),
            Value::time(session.created_at),
            Value::time(session.expires_at),
            Value::text(&session.subject),
            Value::text(secret_hash),
        ];
        self.tables.run(BEGIN, parameters).await?;
        Ok(self.tables.read(HELD_SCOPES, vec![Value::text(&session.id)], scopes).await?.pop())
    }

    async fn find_session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        Ok(self.tables.read(SESSION, vec![Value::text(id)], session).await?.pop())
    }

    async fn exchange(&self, id: &str, old: &str, new: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        self.tables
            .run(EXCHANGE, vec![Value::text(new), Value::time(expires_at), Value::text(id), Value::text(old)])
            .await?;
        Ok(())
    }

    async fn end(&self, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let parameters = vec![
            Value::text(&session.id),
            Value::text(&session.subject),
            Value::time(session.created_at),
            Value::time(session.expires_at),
            Value::time(at),
            Value::time(at),
        ];
        self.tables.run(END, parameters).await?;
        Ok(())
    }
}

impl Audit for Store {
    async fn note(&self, event: Event, subject: &str, origin: &LoginOrigin, at: Timestamp) -> Result<(), StoreError> {
        let parameters = vec![
            Value::text(&(self.new_id)()),
            Value::time(at),
            Value::text(event.as_str()),
            Value::text(subject),
            Value::optional(origin.actor.as_deref()),
            Value::optional(origin.address.as_deref()),
            Value::text(&origin.request_id),
        ];
        self.tables.run(NOTE, parameters).await?;
        Ok(())
    }
}

fn account(row: Row) -> Option<StoredAccount> {
    let [name, hash, scopes, disabled, created, rotated, used, limit] = <[Value; 8]>::try_from(row).ok()?;
    let account = Account {
        name: AccountName::parse(&name.into_text()?).ok()?,
        scopes: Scopes::parse(&scopes.into_text()?).ok()?,
        disabled: disabled != Value::Integer(0),
        created_at: created.into_time()?,
        rotated_at: rotated.into_time()?,
        last_used_at: used.into_time(),
        rate_limit: limit.into_text(),
    };
    Some(StoredAccount { account, secret_hash: hash.into_text()? })
}

fn applied(row: Row) -> Option<(AccountName, u64)> {
    match <[Value; 2]>::try_from(row).ok()? {
        [Value::Text(name), Value::Integer(version)] => {
            Some((AccountName::parse(&name).ok()?, version.try_into().ok()?))
        }
        _ => None,
    }
}

fn scopes(mut row: Row) -> Option<Scopes> {
    Scopes::parse(&row.pop()?.into_text()?).ok()
}

fn session(row: Row) -> Option<Session> {
    let [id, subject, refresh, created, secret, expires, revoked] = <[Value; 7]>::try_from(row).ok()?;
    Some(Session {
        id: id.into_text()?,
        subject: subject.into_text()?,
        refresh_id: refresh.into_text(),
        created_at: created.into_time()?,
        secret_at: secret.into_time(),
        expires_at: expires.into_time()?,
        revoked_at: revoked.into_time(),
    })
}
