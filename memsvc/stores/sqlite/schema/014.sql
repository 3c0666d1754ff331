-- Version 14. The books by day, feature and model, kept by triggers: a year of calls is a few hundred rows.
-- As floats: a sum of integers may overflow.
CREATE TABLE spent (
    tenant TEXT NOT NULL,
    day INTEGER NOT NULL,               -- days since 1970, UTC
    feature TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input REAL NOT NULL,
    output REAL NOT NULL,
    cache_read REAL NOT NULL,
    cache_write REAL NOT NULL,
    cache_write_long REAL NOT NULL,
    micros REAL NOT NULL,
    unpriced INTEGER NOT NULL,
    held INTEGER NOT NULL,
    held_micros REAL NOT NULL,
    PRIMARY KEY (tenant, day, feature, provider, model)
) WITHOUT ROWID;
INSERT INTO spent
SELECT tenant, CAST(floor(at / 86400.0) AS INTEGER) AS day, feature, provider, model, count(*), total(input),
    total(output), total(cache_read), total(cache_write), total(cache_write_long), total(micros), sum(micros IS NULL),
    sum(held), total(CASE WHEN held THEN micros END)
FROM ledger GROUP BY tenant, day, feature, provider, model;

CREATE TRIGGER ledger_added AFTER INSERT ON ledger BEGIN
    INSERT INTO spent VALUES (new.tenant, CAST(floor(new.at / 86400.0) AS INTEGER), new.feature, new.provider,
        new.model, 1, new.input, new.output, ifnull(new.cache_read, 0), ifnull(new.cache_write, 0),
        ifnull(new.cache_write_long, 0), ifnull(new.micros, 0), new.micros IS NULL, new.held,
        CASE WHEN new.held THEN ifnull(new.micros, 0) ELSE 0 END)
    ON CONFLICT DO UPDATE SET calls = calls + 1, input = input + excluded.input, output = output + excluded.output,
        cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
        cache_write_long = cache_write_long + excluded.cache_write_long, micros = micros + excluded.micros,
        unpriced = unpriced + excluded.unpriced, held = held + excluded.held,
        held_micros = held_micros + excluded.held_micros;
END;
CREATE TRIGGER ledger_removed AFTER DELETE ON ledger BEGIN
    UPDATE spent SET calls = calls - 1, input = input - old.input, output = output - old.output,
        cache_read = cache_read - ifnull(old.cache_read, 0), cache_write = cache_write - ifnull(old.cache_write, 0),
        cache_write_long = cache_write_long - ifnull(old.cache_write_long, 0), micros = micros - ifnull(old.micros, 0),
        unpriced = unpriced - (old.micros IS NULL), held = held - old.held,
        held_micros = held_micros - CASE WHEN old.held THEN ifnull(old.micros, 0) ELSE 0 END
    WHERE tenant = old.tenant AND day = CAST(floor(old.at / 86400.0) AS INTEGER) AND feature = old.feature
        AND provider = old.provider AND model = old.model;
    DELETE FROM spent WHERE tenant = old.tenant AND day = CAST(floor(old.at / 86400.0) AS INTEGER)
        AND feature = old.feature AND provider = old.provider AND model = old.model AND calls <= 0;
END;
CREATE TRIGGER ledger_settled AFTER UPDATE OF at, feature, provider, model, input, micros, held ON ledger BEGIN
    UPDATE spent SET calls = calls - 1, input = input - old.input, output = output - old.output,
        cache_read = cache_read - ifnull(old.cache_read, 0), cache_write = cache_write - ifnull(old.cache_write, 0),
        cache_write_long = cache_write_long - ifnull(old.cache_write_long, 0), micros = micros - ifnull(old.micros, 0),
        unpriced = unpriced - (old.micros IS NULL), held = held - old.held,
        held_micros = held_micros - CASE WHEN old.held THEN ifnull(old.micros, 0) ELSE 0 END
    WHERE tenant = old.tenant AND day = CAST(floor(old.at / 86400.0) AS INTEGER) AND feature = old.feature
        AND provider = old.provider AND model = old.model;
    DELETE FROM spent WHERE tenant = old.tenant AND day = CAST(floor(old.at / 86400.0) AS INTEGER)
        AND feature = old.feature AND provider = old.provider AND model = old.model AND calls <= 0;
    INSERT INTO spent VALUES (new.tenant, CAST(floor(new.at / 86400.0) AS INTEGER), new.feature, new.provider,
        new.model, 1, new.input, new.output, ifnull(new.cache_read, 0), ifnull(new.cache_write, 0),
        ifnull(new.cache_write_long, 0), ifnull(new.micros, 0), new.micros IS NULL, new.held,
        CASE WHEN new.held THEN ifnull(new.micros, 0) ELSE 0 END)
    ON CONFLICT DO UPDATE SET calls = calls + 1, input = input + excluded.input, output = output + excluded.output,
        cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
        cache_write_long = cache_write_long + excluded.cache_write_long, micros = micros + excluded.micros,
        unpriced = unpriced + excluded.unpriced, held = held + excluded.held,
        held_micros = held_micros + excluded.held_micros;
END;

-- The calls of a session in their order; what a tenant spent by time is read above now.
CREATE INDEX ledger_by_call ON ledger (tenant, session, at, id) WHERE session IS NOT NULL;
DROP INDEX ledger_by_time;

-- Running figures, and the newest compactions of each tenant. A session is known by its uid alone: who deletes it
-- need not look here.
CREATE TABLE figures (
    tenant TEXT NOT NULL,
    day INTEGER NOT NULL,               -- days since 1970, UTC
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, kind, name)
) WITHOUT ROWID;
CREATE TABLE noted (
    n INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    uid INTEGER NOT NULL,               -- of the session; 0 = it was gone already
    at REAL NOT NULL,
    note TEXT NOT NULL                  -- JSON
);
CREATE INDEX noted_by_tenant ON noted (tenant, n);
CREATE INDEX noted_by_time ON noted (at);
