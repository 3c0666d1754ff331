-- A page of the log as written.
-- KEYS header log ranges
-- ARGV after, upto, most messages, most bytes
-- Gives {} without the session, else {uid, epoch, entries, superseded ranges among them, the last seq looked at,
-- 1 if there is no more}.
local H, LOG, RANGES = unpack(KEYS)
local s = header(H)
if not s then return {} end
local from = tonumber(ARGV[1]) + 1
local upto = math.min(tonumber(ARGV[2]), s[F.last_seq])
local entries, ranges = {}, {}
local last = read(entries, LOG, from, upto, tonumber(ARGV[3]), tonumber(ARGV[4]))
if #entries > 0 then
  local begin, inside = range_below(RANGES, from)
  if inside and inside >= from then ranges[1] = begin .. ':' .. inside end
  for _, one in ipairs(call('ZRANGEBYSCORE', RANGES, from, '(' .. last)) do ranges[#ranges + 1] = one end
end
return {s[F.uid], s[F.epoch], entries, ranges, last, last >= upto and 1 or 0}
