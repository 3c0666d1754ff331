-- Supersedes every live message after a seq; the newest summary that covers none of them becomes current.
-- KEYS header settings log ranges chain pins gone due tenant-index user-index
-- ARGV what is asked (packed, see moves.py)
-- Gives {} without the session; {'stale', header, settings} if what the asked factor was made from has changed;
-- {'user', token}; {'moved', log_revision} if that is not the expected one; {'done', header, settings}, also where
-- there was nothing to cut.
local H, SETTINGS, LOG, RANGES, CHAIN, PINS, GONE, DUE, INDEX, USER = unpack(KEYS)
local asked = cmsgpack.unpack(ARGV[1])

local s, raw = header(H)
if not s then return {} end
if asked.expected and asked.expected ~= s[F.log_revision] then return {'moved', s[F.log_revision]} end
local floor = live_floor(RANGES, math.min(asked.after_seq, s[F.last_seq]))
local left = totals(LOG, RANGES, GONE, floor)
if left.messages == s[F.messages] then return {'done', raw, settings(SETTINGS, s, asked.stamp)} end
if s[F.user] ~= asked.user then return {'user', s[F.user]} end
for place, value in pairs(asked.seen) do
  if s[place] ~= value then return {'stale', raw, settings(SETTINGS, s, asked.stamp)} end
end

call('ZREMRANGEBYSCORE', RANGES, floor, '+inf')
call('ZADD', RANGES, floor, floor .. ':' .. s[F.last_seq])
call('ZREMRANGEBYSCORE', PINS, '(' .. asked.after_seq, '+inf')
call('ZREMRANGEBYSCORE', CHAIN, '(' .. asked.after_seq, '+inf')
s[F.messages], s[F.live_tokens], s[F.live_bytes] = left.messages, left.tokens, left.bytes
point(s, CHAIN, LOG, RANGES, GONE, asked, false)
edited(s, asked.at)
-- An older summary stands for less: what it leaves in the tail may be too much at once.
ask_if_due(DUE, s, asked.name, asked.at)
raw = save(H, s)
index(INDEX, USER, s)
return {'done', raw, settings(SETTINGS, s, asked.stamp)}
