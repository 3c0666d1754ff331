-- Asks for a compaction.
-- KEYS header due
-- ARGV name, due time
-- Gives 0 without the session, else 1.
local s = header(KEYS[1])
if not s then return 0 end
if ask(s, tonumber(ARGV[2])) then
  queue(KEYS[2], s, ARGV[1])
  save(KEYS[1], s)
end
return 1
