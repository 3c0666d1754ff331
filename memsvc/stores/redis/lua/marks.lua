-- How often the books were changed in spans of days: what was added up stands while this does.
-- KEYS for each tenant what its lines come to, and the same by day
-- ARGV the first span, the last
-- Gives for each tenant a list, packed: spans that were changed ever, and after each how often.
local found = {}
for n = 1, #KEYS, 2 do
  indexed(KEYS[n], KEYS[n + 1])
  local marks, counts = call('ZRANGEBYSCORE', KEYS[n + 1], '-inf', '(0', 'WITHSCORES'), {}
  for m = 1, #marks, 2 do
    local span = tonumber(string.match(marks[m], '^@(-?%d+)$'))
    if span and span >= tonumber(ARGV[1]) and span <= tonumber(ARGV[2]) then
      counts[#counts + 1] = span
      counts[#counts + 1] = -tonumber(marks[m + 1])
    end
  end
  found[#found + 1] = counts
end
return cmsgpack.pack(found)
