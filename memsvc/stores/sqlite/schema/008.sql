-- Version 8. What a summary replaced, and what the compaction before it had saved by then.
ALTER TABLE summaries ADD COLUMN replaced_tokens INTEGER;           -- NULL = not known
ALTER TABLE summaries ADD COLUMN predecessor_saving_usd REAL;       -- NULL = not known, or there was none
