-- Pins or unpins a live message.
-- KEYS header ranges pins
-- ARGV seq, '1' to pin
-- Gives 0 without the session, 1 if that is no live message, 2 when done.
local s = header(KEYS[1])
if not s then return 0 end
local seq = tonumber(ARGV[1])
if seq < 1 or seq > s[F.last_seq] or live_floor(KEYS[2], seq) ~= seq then return 1 end
if ARGV[2] == '1' then call('ZADD', KEYS[3], seq, seq) else call('ZREM', KEYS[3], seq) end
return 2
