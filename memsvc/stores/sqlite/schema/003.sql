-- Version 3. A redacted message keeps its place, its id and its time; its text is gone.
ALTER TABLE messages ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;
