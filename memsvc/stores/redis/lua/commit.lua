-- Makes a summary the current one, by compare-and-set on (epoch, cut).
-- KEYS header settings log ranges summaries chain gone
-- ARGV what is asked (packed, see moves.py), the summary
-- Gives {} without the session; {'lost', header}, {'gap', header}; {'stale', header, settings} if what the
-- asked factor was made from has changed; {'done', header, settings}.
local H, SETTINGS, LOG, RANGES, SUMMARIES, CHAIN, GONE = unpack(KEYS)
local asked = cmsgpack.unpack(ARGV[1])

local s, raw = header(H)
if not s then return {} end
if asked.expect_epoch ~= s[F.epoch] or asked.expect_cut ~= s[F.cut]
    or (asked.expect_uid and asked.expect_uid ~= s[F.uid]) then
  return {'lost', raw, settings(SETTINGS, s, asked.stamp)}
end
if asked.epoch ~= s[F.epoch] + 1 or asked.from_seq ~= s[F.cut] + 1
    or asked.to_seq <= s[F.cut] or asked.to_seq > s[F.last_seq] then
  return {'gap', raw, settings(SETTINGS, s, asked.stamp)}
end
for place, value in pairs(asked.seen) do
  if s[place] ~= value then return {'stale', raw, settings(SETTINGS, s, asked.stamp)} end
end

local revision = s[F.revision] + 1
local covered = totals(LOG, RANGES, GONE, asked.to_seq)
s[F.revision], s[F.epoch], s[F.summary_epoch], s[F.cut] = revision, asked.epoch, asked.epoch, asked.to_seq
s[F.summary_tokens] = asked.tokens
s[F.tail_tokens], s[F.tail_bytes] = s[F.live_tokens] - covered.tokens, s[F.live_bytes] - covered.bytes
local renderer = s[F.renderer]
for place, value in pairs(asked.set) do s[place] = value end
begun(s, revision, asked.tip, 'compacted', true, renderer)
call('ZADD', SUMMARIES, asked.epoch, ARGV[2])
call('ZADD', CHAIN, asked.to_seq, asked.epoch .. ':' .. asked.tokens)
return {'done', save(H, s), settings(SETTINGS, s, asked.stamp)}
