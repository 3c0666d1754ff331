-- Adds to a tenant's figures, and remembers a compaction.
-- KEYS figures of the month, remembered compactions, tenants
-- ARGV the tenant, seconds until they are forgotten, how many compactions are remembered, one more or '', then fields of
--      the figures, each with what is added to it
redis.call('SADD', KEYS[3], ARGV[1])
for n = 5, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[n], ARGV[n + 1]) end
if #ARGV > 4 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if ARGV[4] ~= '' then
  redis.call('LPUSH', KEYS[2], ARGV[4])
  redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return 1
