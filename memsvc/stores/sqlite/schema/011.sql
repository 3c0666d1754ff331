-- Version 11. How much of a tool's output is shown, from which message on.
ALTER TABLE sessions ADD COLUMN clamps TEXT;     -- NULL = all of it
