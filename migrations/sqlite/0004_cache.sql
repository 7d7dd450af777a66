-- The cache of an installation without Redis. Its rows may be lost at any time.
CREATE TABLE IF NOT EXISTS cache (
  cache_key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
) STRICT;
