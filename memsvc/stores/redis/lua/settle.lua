-- Puts what a held call came to in the place of its worst case; books it where no such line is.
-- KEYS header ledger spent lines heirs, what all lines come to
-- ARGV id, '0', the figure as it is sorted, the line, '1' if it counts in a limit, -, the name among all lines
-- Gives 1, or 0 if it is settled already.
local id, figure = ARGV[1], ARGV[3]
local s = header(KEYS[1])
local uid = s and s[F.uid] or 0
local found = call('HGET', KEYS[2], id)
if found then
  if string.sub(found, 1, 1) ~= '1' then return 0 end
  local owner, size = struct.unpack('>I8I4', found, 2)
  tally(KEYS[6], string.sub(found, 14 + size), true, -1)
  if heir(KEYS[5], owner) ~= uid then  -- the line of a session that is gone, or of another one
    s, uid = nil, owner
  elseif s then
    call('ZREM', KEYS[3], string.sub(found, 14, 13 + size))
  end
end
call('HSET', KEYS[2], id, '0' .. struct.pack('>I8I4', uid, #figure) .. figure .. ARGV[4])
call('ZADD', KEYS[4], 0, ARGV[7])
if s and ARGV[5] == '1' then call('ZADD', KEYS[3], 0, figure) end
tally(KEYS[6], ARGV[4], false, 1)
return 1
