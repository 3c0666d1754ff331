-- Version 13. Why answers were refused on the way to a summary.
ALTER TABLE summaries ADD COLUMN refused TEXT;                          -- a JSON list of texts; NULL = none was
