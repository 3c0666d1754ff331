-- The pinned messages, in order.
-- KEYS header log pins
-- Gives {} without the session, else {entries}.
if call('EXISTS', KEYS[1]) == 0 then return {} end
local entries = {}
for _, seq in ipairs(call('ZRANGE', KEYS[3], 0, -1)) do
  entries[#entries + 1] = call('ZRANGEBYSCORE', KEYS[2], seq, seq)[1]
end
return {entries}
