-- Version 5. Large base64 payloads stand once in a session, taken out of its messages.
CREATE TABLE payloads (
    uid INTEGER NOT NULL,
    hash BLOB NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (uid, hash)
);
ALTER TABLE messages ADD COLUMN cuts BLOB;      -- NULL = `raw` is the whole message
ALTER TABLE messages ADD COLUMN size INTEGER;   -- of the whole message, where `cuts` is set
