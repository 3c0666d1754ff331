-- Gives a header of an older release the fields that came since. Its number of fields tells which release it was; one
-- that has them all is left as it is.
-- KEYS header
-- ARGV how many fields a header has now
local s = header(KEYS[1])
local missing = s and tonumber(ARGV[1]) - #s or 0
if missing <= 0 then return 0 end
if missing >= 3 then table.insert(s, F.missed_tokens, 0) end
if missing >= 2 then table.insert(s, F.clamps, false) end
table.insert(s, F.shadow, 0)
save(KEYS[1], s)
return 1
