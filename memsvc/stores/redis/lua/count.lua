-- Counts what was spent in a day and a month, unless a limit would be passed.
-- KEYS counters of the day, of the month
-- ARGV feature, micros, seconds until either is forgotten, 1 = count anyway, then for each limit: which of the KEYS, feature, micros
-- Gives the number of the limit that is in the way (0 = counted), then for each limit: used, peak before, peak.
local function figure(key, field) return tonumber(redis.call('HGET', key, field) or 0) end

local feature, micros = ARGV[1], tonumber(ARGV[2])
local limits, refused = {}, 0
for n = 6, #ARGV, 3 do
  local key, of, most = KEYS[tonumber(ARGV[n])], ARGV[n + 1], tonumber(ARGV[n + 2])
  limits[#limits + 1] = {key = key, of = of, before = figure(key, 'p' .. of)}
  if refused == 0 and ARGV[5] == '0' and figure(key, 'u' .. of) + micros > most then
    refused = #limits
    if limits[refused].before < most then redis.call('HSET', key, 'p' .. of, ARGV[n + 2]) end
  end
end
if refused == 0 then
  for k = 1, 2 do
    for _, of in ipairs(feature == '' and {''} or {'', feature}) do
      local used = math.max(0, figure(KEYS[k], 'u' .. of) + micros)
      redis.call('HSET', KEYS[k], 'u' .. of, string.format('%.0f', used))
      if used > figure(KEYS[k], 'p' .. of) then redis.call('HSET', KEYS[k], 'p' .. of, string.format('%.0f', used)) end
    end
  end
end
for k = 1, 2 do
  if redis.call('EXISTS', KEYS[k]) == 1 then redis.call('EXPIRE', KEYS[k], ARGV[2 + k]) end
end
local answer = {refused}
for _, one in ipairs(limits) do
  answer[#answer + 1] = figure(one.key, 'u' .. one.of)
  answer[#answer + 1] = one.before
  answer[#answer + 1] = figure(one.key, 'p' .. one.of)
end
return answer
