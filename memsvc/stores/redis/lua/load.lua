-- What a context is made of: header, current summary, live tail; without what the reader has already, where
-- that still holds.
-- KEYS header settings log ranges summaries
-- ARGV what the reader has (packed, see log.py), most messages, most bytes
-- Gives {} without the session; {'same'} to a reader who has all of it; else
-- {'whole' or 'part', header, settings, summary, entries, the last seq looked at}.
local H, SETTINGS, LOG, RANGES, SUMMARIES = unpack(KEYS)
local has, limit, most = cmsgpack.unpack(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local s, raw = header(H)
if not s then return {} end

local function same_prefix()
  if has.uid ~= s[F.uid] or has.prefix_revision ~= s[F.prefix_revision] then return false end
  if has.last_seq > s[F.last_seq] then return false end
  if not has.prefix_tip then return true end
  -- Numbers alone do not tell: a server that failed over may have forgotten some, and given them anew.
  if has.prefix_tip ~= s[F.prefix_tip] then return false end
  local tip = s[F.tip]
  if has.last_seq < s[F.last_seq] then tip = sums(LOG, RANGES, has.last_seq).tip end
  return has.tip == tip
end

local part = has.uid and same_prefix()
if part and has.revision == s[F.revision] and has.anchor_revision == s[F.anchor_revision]
    and has.anchor_tokens == s[F.anchor_tokens] and has.put_tip == s[F.put_tip] then
  return {'same'}
end

local entries = {}
local seq, last = part and has.last_seq or s[F.cut], s[F.last_seq]
local _, inside = range_below(RANGES, seq + 1)
if inside and inside > seq then seq = inside end
while seq < last and #entries < limit and most > 0 do
  local following = call('ZRANGEBYSCORE', RANGES, seq, '+inf', 'LIMIT', 0, 1)
  local from, to = last, last
  if following[1] then from, to = range(following[1]) end
  seq, most = read(entries, LOG, seq + 1, from, limit, most)
  if seq >= from then seq = to end
end

local summary = false
if not part and s[F.summary_epoch] > 0 then
  local epoch = s[F.summary_epoch]
  summary = call('ZRANGEBYSCORE', SUMMARIES, epoch, epoch)[1] or false
end
return {part and 'part' or 'whole', raw, settings(SETTINGS, s, has.stamp or ''), summary, entries, seq}
