-- Gives up an attempt to put a session together.
-- KEYS meta log ids ranges summaries pins payloads payload-counts (of what is staged)
-- ARGV token
local found = call('GET', KEYS[1])
if found and cmsgpack.unpack(found).token == ARGV[1] then call('UNLINK', unpack(KEYS)) end
return 1
