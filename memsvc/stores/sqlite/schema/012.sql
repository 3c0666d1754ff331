-- Version 12. The mode that compacts and serves the full history all the same.
ALTER TABLE sessions ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;      -- 1 = so it is; 2 = it outgrew it
