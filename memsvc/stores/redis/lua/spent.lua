-- What lines of the books come to, by tenant, day, feature and model.
-- KEYS for each tenant what its lines come to, and the same by day
-- ARGV the first day, the day after the last
-- Gives a list, packed: which tenant, day, feature, provider, model, the figures (see `tally`).
local found = {}
for n = 1, #KEYS, 2 do
  indexed(KEYS[n], KEYS[n + 1])
  for _, place in ipairs(call('ZRANGEBYSCORE', KEYS[n + 1], ARGV[1], '(' .. ARGV[2])) do
    if string.byte(place) == 148 then  -- a place, no mark
      local fields = {}
      for figure = 1, 10 do fields[figure] = string.char(figure) .. place end
      local at, figures = cmsgpack.unpack(place), call('HMGET', KEYS[n], unpack(fields))
      for figure, value in ipairs(figures) do figures[figure] = tonumber(value or 0) end
      found[#found + 1] = {(n - 1) / 2, at[1], at[2], at[3], at[4], figures}
    end
  end
end
return cmsgpack.pack(found)
