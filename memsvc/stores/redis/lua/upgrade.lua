-- Gives headers of an older release the fields that came since. A header's number of fields tells which release wrote it;
-- one that has them all is left as it is.
-- KEYS headers
-- ARGV how many fields a header has now
-- Gives how many were changed.
local changed = 0
for _, key in ipairs(KEYS) do
  local raw = redis.call('GET', key)
  local s = raw and cmsgpack.unpack(raw)
  local missing = s and tonumber(ARGV[1]) - #s or 0
  if missing > 0 then
    if missing >= 3 then table.insert(s, F.missed_tokens, 0) end
    if missing >= 2 then table.insert(s, F.clamps, false) end
    table.insert(s, F.shadow, 0)
    save(key, s)
    changed = changed + 1
  end
end
return changed
