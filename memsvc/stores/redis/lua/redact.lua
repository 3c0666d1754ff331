-- Erases one message, every summary that covers it, and what idempotency records tell of it.
-- KEYS header settings log ranges summaries chain pins replays gone payloads payload-counts due tenant-index user-index
-- ARGV what is asked (packed, see moves.py), the message as it was read, what takes the place of its text
-- Gives {} without the session; {'stale', header, settings} if the message or what the asked factor was made from
-- has changed; {'user', token}; {'done', header, settings}.
local H, SETTINGS, LOG, RANGES, SUMMARIES, CHAIN, PINS, REPLAYS, GONE, PAYLOADS, COUNTS, DUE, INDEX, USER = unpack(KEYS)
local asked, found, body = cmsgpack.unpack(ARGV[1]), ARGV[2], ARGV[3]
local seq = asked.seq

local s, raw = header(H)
if not s then return {} end
if s[F.user] ~= asked.user then return {'user', s[F.user]} end
if call('ZRANGEBYSCORE', LOG, seq, seq)[1] ~= found then return {'stale', raw, settings(SETTINGS, s, asked.stamp)} end
for place, value in pairs(asked.seen) do
  if s[place] ~= value then return {'stale', raw, settings(SETTINGS, s, asked.stamp)} end
end

call('ZREM', LOG, found)
call('ZADD', LOG, seq, string.sub(found, 1, 40) .. body)
call('ZREM', PINS, seq)
for _, hash in ipairs(asked.hashes) do
  if call('HINCRBY', COUNTS, hash, -1) <= 0 then
    call('HDEL', PAYLOADS, hash)
    call('HDEL', COUNTS, hash)
  end
end
local later = false
local from, to = range_below(RANGES, seq)
if not from or seq > to then  -- it was live
  call('ZADD', GONE, seq, seq .. ':' .. s[F.last_seq] .. ':' .. asked.tokens .. ':' .. asked.size)
  s[F.messages], s[F.live_tokens] = s[F.messages] - 1, s[F.live_tokens] - asked.tokens
  s[F.live_bytes] = s[F.live_bytes] - asked.size
  local first, last = seq - 1, seq
  if from and to == first then
    call('ZREM', RANGES, from .. ':' .. to)
    first = from
  end
  local following = call('ZRANGEBYSCORE', RANGES, seq, seq)[1]
  if following then
    call('ZREM', RANGES, following)
    local _, ended = range(following)
    last = ended
  end
  call('ZADD', RANGES, first, first .. ':' .. last)
  later = last < s[F.last_seq]
end

local at = 0
while true do  -- also those that an edit has put aside
  local page, covering = call('ZRANGE', SUMMARIES, at, at + 99), {}
  if #page == 0 then break end
  for _, one in ipairs(page) do
    if cmsgpack.unpack(string.sub(one, 5))[3] >= seq then covering[#covering + 1] = one end
  end
  if #covering > 0 then call('ZREM', SUMMARIES, unpack(covering)) end
  at = at + #page - #covering
end
call('ZREMRANGEBYSCORE', CHAIN, seq, '+inf')

-- Records of appends that the message came with answer any body from now on: the digest of theirs would tell
-- what was in it.
local cursor = '0'
repeat
  local answer = call('HSCAN', REPLAYS, cursor, 'COUNT', 500)
  cursor = answer[1]
  for n = 1, #answer[2], 2 do
    local record = cmsgpack.unpack(answer[2][n + 1])
    for _, one in ipairs(record[2]) do
      if one == seq then
        record[1], record[3] = false, math.max(0, record[3] - asked.tokens)
        call('HSET', REPLAYS, answer[2][n], cmsgpack.pack(record))
        break
      end
    end
  end
until cursor == '0'

point(s, CHAIN, LOG, RANGES, GONE, asked, later)
edited(s, asked.at)
-- What the deleted summaries stood for is in the tail again, and may be too much at once.
ask_if_due(DUE, s, asked.name, asked.at)
raw = save(H, s)
index(INDEX, USER, s)
return {'done', raw, settings(SETTINGS, s, asked.stamp)}
