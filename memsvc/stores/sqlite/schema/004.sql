-- Version 4. A session that is being put together: its messages, summaries and pins stand under a uid
-- that no row of `sessions` has, so that nobody sees them before it is published.
CREATE TABLE staged (
    uid INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    sid TEXT NOT NULL,
    token TEXT NOT NULL,                -- names the attempt
    last_seq INTEGER NOT NULL,
    touched INTEGER NOT NULL,           -- by SQLite's own clock; an attempt left alone goes
    UNIQUE (tenant, sid)
);
