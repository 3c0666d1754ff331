-- Makes an earlier summary the current one again: one that the present summary builds on, or none.
-- KEYS header settings log ranges chain gone due
-- ARGV what is asked (packed, see moves.py)
-- Gives {} without the session; {'none', header, settings} where no such summary stands behind the present one;
-- {'stale', header, settings} if what the asked factor was made from has changed; {'done', header, settings}.
local H, SETTINGS, LOG, RANGES, CHAIN, GONE, DUE = unpack(KEYS)
local asked = cmsgpack.unpack(ARGV[1])

local s, raw = header(H)
if not s then return {} end
local function answer(kind) return {kind, raw, settings(SETTINGS, s, asked.stamp)} end
if asked.to_epoch == s[F.summary_epoch] then return answer('done') end

local later, found, epoch = {}, asked.to_epoch == 0, nil
for _, one in ipairs(call('ZREVRANGE', CHAIN, 0, -1)) do  -- the newest first
  epoch = range(one)
  if epoch <= asked.to_epoch then
    found = epoch == asked.to_epoch
    break
  end
  later[#later + 1] = one
end
if not found then return answer('none') end
for place, value in pairs(asked.seen) do
  if s[place] ~= value then return answer('stale') end
end

for _, one in ipairs(later) do call('ZREM', CHAIN, one) end
point(s, CHAIN, LOG, RANGES, GONE, asked, true)
-- An earlier summary stands for less: what it leaves in the tail may be too much at once.
ask_if_due(DUE, s, asked.name, asked.at)
raw = save(H, s)
return answer('done')
