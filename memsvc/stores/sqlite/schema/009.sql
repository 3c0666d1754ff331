-- Version 9. What reports say that a cache did not hold, though it was sent before.
ALTER TABLE sessions ADD COLUMN missed_tokens INTEGER NOT NULL DEFAULT 0;
