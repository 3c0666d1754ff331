-- Version 1. Times are unix seconds. A message stands at uid << 32 | seq, so that the
-- messages of a session lie together and a tail is one range scan.
CREATE TABLE sessions (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    sid TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    format TEXT,
    model TEXT,
    system BLOB,
    system_role TEXT,
    tools BLOB,
    policy BLOB,
    metadata BLOB,
    user TEXT,
    system_tokens INTEGER NOT NULL,
    tools_tokens INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    log_revision INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    cut INTEGER NOT NULL,
    summary_epoch INTEGER NOT NULL,
    summary_tokens INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    live_tokens INTEGER NOT NULL,
    tail_tokens INTEGER NOT NULL,
    tail_bytes INTEGER NOT NULL,
    soft_tokens INTEGER,
    prefix_reason TEXT,
    prefix_revision INTEGER NOT NULL,
    bound_revision INTEGER NOT NULL,
    factor REAL NOT NULL,
    renderer INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at REAL,
    last_error TEXT,
    last_reason TEXT,
    UNIQUE (tenant, sid)
);
CREATE INDEX sessions_by_activity ON sessions (tenant, updated_at DESC, uid DESC);
CREATE INDEX sessions_by_user ON sessions (tenant, user, updated_at DESC, uid DESC) WHERE user IS NOT NULL;

CREATE TABLE messages (
    pos INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,
    format TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    at REAL NOT NULL,
    id TEXT,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    superseded INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX messages_by_id ON messages (pos >> 32, id) WHERE id IS NOT NULL;

CREATE TABLE summaries (
    uid INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    model TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    attempts INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    predicted_saving_usd REAL,
    request_seq INTEGER,
    parent INTEGER NOT NULL,            -- epoch of the summary that was current before; 0 = none
    PRIMARY KEY (uid, epoch)
) WITHOUT ROWID;

CREATE TABLE pins (
    uid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (uid, seq)
) WITHOUT ROWID;

CREATE TABLE replays (                  -- idempotency records: the answer to a key that comes again
    uid INTEGER NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    number INTEGER NOT NULL,            -- log_revision of the append, to keep the newest
    at REAL NOT NULL,
    PRIMARY KEY (uid, key)
) WITHOUT ROWID;
CREATE INDEX replays_by_age ON replays (uid, number);

CREATE TABLE jobs (
    uid INTEGER PRIMARY KEY,
    due_at REAL NOT NULL,
    lease REAL,                         -- set while claimed: when it becomes due by itself
    claimed_at REAL,                    -- set while claimed
    again REAL,                         -- asked for once more while claimed: for when
    attempts INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_by_due ON jobs (due_at);
CREATE INDEX jobs_by_claim ON jobs (claimed_at) WHERE claimed_at IS NOT NULL;
