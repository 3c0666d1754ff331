-- Version 2. The books: one line a model call. A line outlives its session, without its name.
CREATE TABLE ledger (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    session TEXT,                       -- NULL when the session is gone
    uid INTEGER NOT NULL,               -- of the session; 0 when it is gone
    at REAL NOT NULL,
    feature TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input INTEGER NOT NULL,             -- tokens, in the provider's own count
    output INTEGER NOT NULL,
    cache_read INTEGER,                 -- NULL = not reported
    cache_write INTEGER,
    cache_write_long INTEGER,
    micros INTEGER,                     -- NULL = the price is unknown
    held INTEGER NOT NULL,              -- 1 = the worst case of a call that was not settled yet
    revision INTEGER,                   -- of the context that was sent, where it was reported
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX ledger_by_session ON ledger (tenant, session, feature, at) WHERE session IS NOT NULL;

-- The provider's own count of a context of the present epoch; 0 = none was reported.
ALTER TABLE sessions ADD COLUMN anchor_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN anchor_raw INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN anchor_revision INTEGER NOT NULL DEFAULT 0;
