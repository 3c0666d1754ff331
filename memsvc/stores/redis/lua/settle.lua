-- Puts what a held call came to in the place of its worst case; books it where no such line is.
-- KEYS header ledger spent lines heirs, what all lines come to,
--      the session's lines by time, tenants, what all lines come to by day
-- ARGV id, '0', the figure as it is sorted, the line, '1' if it counts in a limit, -, the name among all lines;
--      then, if it was held under another id: that id, its name among all lines
-- Gives 1, or 0 if it is settled already; 2 more if the line of the other id was held: it goes.
local id, figure, released = ARGV[1], ARGV[3], 0
local s = header(KEYS[1])
if ARGV[8] and let_go(KEYS, s, ARGV[8], ARGV[9]) then released = 2 end
local uid = s and s[F.uid] or 0
local owner, found = unheld(KEYS, s, id)
if found and not owner then return released end
if owner and owner ~= uid then s, uid = nil, owner end  -- the line of a session that is gone, or of another one
call('HSET', KEYS[2], id, '0' .. struct.pack('>I8I4', uid, #figure) .. figure .. ARGV[4])
call('ZADD', KEYS[4], 0, ARGV[7])
if s and ARGV[5] == '1' then call('ZADD', KEYS[3], 0, figure) end
if s then shown(KEYS, ARGV[4], id) end
tally(KEYS, ARGV[4], false, 1)
return released + 1
