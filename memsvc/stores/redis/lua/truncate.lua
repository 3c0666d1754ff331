-- Supersedes every live message after a seq; the newest summary that covers none of them becomes current.
-- KEYS header settings log ranges chain pins due tenant-index user-index
-- ARGV what is asked (packed, see moves.py)
-- Gives {} without the session; {'stale', header, settings} if what the asked factor was made from has changed;
-- {'user', token}; {'done', header, settings}, also where there was nothing to cut.
local H, SETTINGS, LOG, RANGES, CHAIN, PINS, DUE, INDEX, USER = unpack(KEYS)
local asked = cmsgpack.unpack(ARGV[1])

local s, raw = header(H)
if not s then return {} end
local floor = live_floor(RANGES, math.min(asked.after_seq, s[F.last_seq]))
local left = entry(LOG, floor)
if left.messages == s[F.messages] then return {'done', raw, settings(SETTINGS, s, asked.stamp)} end
if s[F.user] ~= asked.user then return {'user', s[F.user]} end
for place, value in pairs(asked.seen) do
  if s[place] ~= value then return {'stale', raw, settings(SETTINGS, s, asked.stamp)} end
end

call('ZREMRANGEBYSCORE', RANGES, floor, '+inf')
call('ZADD', RANGES, floor, floor .. ':' .. s[F.last_seq])
call('ZREMRANGEBYSCORE', PINS, '(' .. asked.after_seq, '+inf')
call('ZREMRANGEBYSCORE', CHAIN, '(' .. asked.after_seq, '+inf')
local epoch, tokens, cut = 0, 0, 0
local current = call('ZREVRANGE', CHAIN, 0, 0, 'WITHSCORES')
if current[1] then
  epoch, tokens = range(current[1])
  cut = tonumber(current[2])
end

local revision, covered = s[F.revision] + 1, sums(LOG, RANGES, cut)
if epoch ~= s[F.summary_epoch] then s[F.bound_revision] = revision end
s[F.updated_at], s[F.revision], s[F.log_revision] = asked.at, revision, s[F.log_revision] + 1
s[F.epoch], s[F.summary_epoch], s[F.summary_tokens], s[F.cut] = s[F.epoch] + 1, epoch, tokens, cut
s[F.messages], s[F.live_tokens], s[F.live_bytes] = left.messages, left.tokens, left.bytes
s[F.tail_tokens], s[F.tail_bytes] = left.tokens - covered.tokens, left.bytes - covered.bytes
s[F.prefix_reason], s[F.prefix_revision] = 'edited', revision
s[F.tip], s[F.prefix_tip], s[F.put_tip] = left.tip, asked.tip, asked.tip
for place, value in pairs(asked.set) do s[place] = value end
-- An older summary stands for less: what it leaves in the tail may be too much at once.
ask_if_due(DUE, s, asked.name, asked.at)
raw = save(H, s)
index(INDEX, USER, s)
return {'done', raw, settings(SETTINGS, s, asked.stamp)}
