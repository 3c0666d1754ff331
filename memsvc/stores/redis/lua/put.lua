-- Puts a header in the place of the one that its writer has seen, or begins a session.
-- KEYS header settings due all tenant-index user-index user-index-before
-- ARGV the header seen ('' = none), the new one, its settings, name, time, a random number
-- Gives {'done', header} or {'stale', header, settings} ({'stale'} if there is no session now).
local H, SETTINGS, DUE, ALL, INDEX, USER, USER_BEFORE = unpack(KEYS)
local seen, new, new_settings, name, at, tip = unpack(ARGV)

local old, raw = header(H)
if (raw or '') ~= seen then
  if not old then return {'stale'} end
  return {'stale', raw, settings(SETTINGS, old, '')}
end
local s = cmsgpack.unpack(new)
s[F.put_tip] = tonumber(tip)
if old then
  if s[F.prefix_revision] ~= old[F.prefix_revision] then s[F.prefix_tip] = tonumber(tip) end
  if old[F.user] ~= s[F.user] and old[F.user] ~= '-' then call('ZREM', USER_BEFORE, member(old)) end
  ask_if_due(DUE, s, name, tonumber(at))
end
if not old then call('ZADD', ALL, s[F.uid], name) end
if not old or old[F.stamp] ~= s[F.stamp] then call('SET', SETTINGS, new_settings) end
raw = save(H, s)
index(INDEX, USER, s)
return {'done', raw}
