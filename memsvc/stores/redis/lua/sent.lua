-- The size of the context as it was at an earlier revision of the present prefix.
-- KEYS header log ranges gone
-- ARGV revision
-- Gives {} without the session, {uid} if that revision was sent under another prefix or never, else
-- {uid, prefix_revision, tokens}.
local s = header(KEYS[1])
if not s then return {} end
local revision = tonumber(ARGV[1])
if revision < s[F.prefix_revision] or revision > s[F.revision] then return {s[F.uid]} end
local whole = s[F.shadow] == 1  -- the full history is served
local low, high = whole and 0 or s[F.cut], s[F.last_seq]  -- the newest message appended at or before that revision
if revision == s[F.revision] then low = high end
while low < high do
  local middle = math.ceil((low + high) / 2)
  if entry(KEYS[2], middle).revision <= revision then low = middle else high = middle - 1 end
end
local newer = s[F.live_tokens] - totals(KEYS[2], KEYS[3], KEYS[4], low).tokens
return {s[F.uid], s[F.prefix_revision], (whole and s[F.fixed] + s[F.live_tokens] or context_tokens(s)) - newer}
