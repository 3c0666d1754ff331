-- Takes the line of a held call that was not billed off the books.
-- KEYS header ledger spent lines heirs, what all lines come to,
--      the session's lines by time, tenants, what all lines come to by day
-- ARGV id, the name among all lines
-- Gives 1, or 0 if no such line is held.
return let_go(KEYS, header(KEYS[1]), ARGV[1], ARGV[2]) and 1 or 0
