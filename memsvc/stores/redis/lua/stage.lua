-- Adds a part to a session that is being put together out of sight.
-- KEYS meta log ids ranges summaries pins payloads payload-counts (of what is staged)
-- ARGV what is asked (packed, see copies.py), then the messages, their payloads, the summaries
-- Gives 1, or 0 for a part that does not follow, or of an attempt that was ended.
local META, LOG, IDS, RANGES, SUMMARIES, PINS, PAYLOADS, COUNTS = unpack(KEYS)
local asked = cmsgpack.unpack(ARGV[1])

local found = call('GET', META)
local m = found and cmsgpack.unpack(found)
if not m or m.token ~= asked.token then
  if asked.after ~= 0 then return 0 end
  call('UNLINK', unpack(KEYS))
  m = {token = asked.token, last = 0, count = 0, messages = 0, tokens = 0, bytes = 0, from = 0, to = 0}
end
local entries = asked.entries
if asked.after ~= m.last and (#entries == 0 or entries[#entries][1] > m.last) then return 0 end

for n, e in ipairs(entries) do
  local seq, epoch, revision, tokens, size, id, superseded = unpack(e)
  if seq > m.last then
    if superseded then
      if m.to == seq - 1 and m.to > 0 then
        call('ZREM', RANGES, m.from .. ':' .. m.to)
      else
        m.from = seq - 1
      end
      m.to = seq
      call('ZADD', RANGES, m.from, m.from .. ':' .. m.to)
    else
      m.messages, m.tokens, m.bytes = m.messages + 1, m.tokens + tokens, m.bytes + size
    end
    call('ZADD', LOG, seq, struct.pack('>I4I4I4I4I8I8I8', seq, epoch, revision, m.messages, m.tokens, m.bytes,
      asked.tip) .. ARGV[n + 1])
    keep(PAYLOADS, COUNTS, asked.hashes, asked.has[n], 1 + #entries)
    if id then call('HSET', IDS, id, seq) end
    m.last, m.count = seq, m.count + 1
  end
end
for n, epoch in ipairs(asked.summaries) do
  call('ZREMRANGEBYSCORE', SUMMARIES, epoch, epoch)
  call('ZADD', SUMMARIES, epoch, ARGV[1 + #entries + #asked.hashes + n])
end
for _, seq in ipairs(asked.pins) do call('ZADD', PINS, seq, seq) end
m.sizes = sizes(KEYS)
call('SET', META, cmsgpack.pack(m))
for _, key in ipairs(KEYS) do call('EXPIRE', key, asked.ttl) end
return 1
