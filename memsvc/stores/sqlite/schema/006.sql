-- Version 6. API keys: never the key itself, and never taken out again: a key that was once made counts.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,               -- joined by commas
    digest BLOB NOT NULL,               -- SHA-256 of the whole key
    ending TEXT NOT NULL,               -- its last characters
    created_at REAL NOT NULL,
    expires_at REAL,                    -- NULL = never
    revoked_at REAL                     -- NULL = not
) WITHOUT ROWID;

-- Tenants' keys for model providers, encrypted before they get here.
CREATE TABLE provider_keys (
    tenant TEXT NOT NULL,
    provider TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, provider)
) WITHOUT ROWID;
