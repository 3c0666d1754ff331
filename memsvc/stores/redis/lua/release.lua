-- Takes a held line out: its call was never billed, or is booked under another id.
-- KEYS header ledger spent lines heirs, what all lines come to
-- ARGV id, -, -, -, -, -, the name among all lines
-- Gives 1, or 0 where no such line is held.
local found = call('HGET', KEYS[2], ARGV[1])
if not found or string.sub(found, 1, 1) ~= '1' then return 0 end
local s = header(KEYS[1])
local owner, size = struct.unpack('>I8I4', found, 2)
tally(KEYS[6], string.sub(found, 14 + size), true, -1)
if s and heir(KEYS[5], owner) == s[F.uid] then call('ZREM', KEYS[3], string.sub(found, 14, 13 + size)) end
call('HDEL', KEYS[2], ARGV[1])
call('ZREM', KEYS[4], ARGV[7])
return 1
