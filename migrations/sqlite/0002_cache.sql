-- The cache of the embedded default, in the place of Redis. Nothing in it is the truth about anything.
CREATE TABLE IF NOT EXISTS cache (
  cache_key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
) STRICT;

DELETE FROM cache WHERE expires_at_us < CAST(strftime('%s', 'now') AS INTEGER) * 1000000;
