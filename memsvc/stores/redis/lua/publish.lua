-- Shows what was staged as a session.
-- KEYS of what is staged: meta log ids ranges summaries pins payloads payload-counts; of the session: log ids ranges
--      summaries pins payloads payload-counts header settings chain replays ages gone; of the shard: due claimed all
--      tenant-index user-index user-index-before heirs
-- ARGV what is asked (packed, see copies.py), the header, its settings
-- Gives {'lost'} without such an attempt; {'exists'}; {'user', token} of the session that is there; {'done', header}.
local H, SETTINGS, CHAIN, REPLAYS, AGES, GONE = unpack(KEYS, 16, 21)
local DUE, CLAIMED, ALL, INDEX, USER, USER_BEFORE, HEIRS = unpack(KEYS, 22, 28)
local asked, s = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])

local found = call('GET', KEYS[1])
local m = found and cmsgpack.unpack(found)
if not m or m.token ~= asked.token then return {'lost'} end
local there = sizes(KEYS)
for n, size in ipairs(m.sizes) do
  if there[n] ~= size then return {'lost'} end  -- a part has expired, or was evicted
end
local old = header(H)
if old and not asked.over then return {'exists'} end
if old then
  if old[F.user] ~= asked.user_before then return {'user', old[F.user]} end
  call('ZREM', INDEX, member(old))
  if old[F.user] ~= '-' then call('ZREM', USER_BEFORE, member(old)) end
  call('ZREM', DUE, asked.name)
  call('ZREM', CLAIMED, asked.name)
  call('HSET', HEIRS, id(old[F.uid]), id(s[F.uid]))  -- its lines in the books stay its name's
end
call('UNLINK', unpack(KEYS, 9, 21))
call('DEL', KEYS[1])
for n = 2, 8 do
  if call('EXISTS', KEYS[n]) == 1 then
    call('RENAME', KEYS[n], KEYS[n + 7])
    call('PERSIST', KEYS[n + 7])
  end
end
for _, one in ipairs(asked.chain) do
  local blob = call('ZRANGEBYSCORE', KEYS[12], one, one)[1]
  if blob then
    local summary = cmsgpack.unpack(string.sub(blob, 5))
    call('ZADD', CHAIN, summary[3], one .. ':' .. summary[5])
  end
end
local LOG, RANGES = KEYS[9], KEYS[11]
s[F.last_seq], s[F.messages], s[F.live_tokens], s[F.live_bytes] = m.last, m.messages, m.tokens, m.bytes
local epoch, tokens, cut = current(CHAIN)
local covered = sums(LOG, RANGES, cut)
s[F.summary_epoch], s[F.summary_tokens], s[F.cut] = epoch, tokens, cut
s[F.tail_tokens], s[F.tail_bytes] = m.tokens - covered.tokens, m.bytes - covered.bytes
s[F.tip], s[F.prefix_tip], s[F.put_tip] = sums(LOG, RANGES, m.last).tip, asked.tip, asked.tip
call('SET', SETTINGS, ARGV[3])
call('ZADD', ALL, s[F.uid], asked.name)
ask_if_due(DUE, s, asked.name, s[F.updated_at])
local raw = save(H, s)
index(INDEX, USER, s)
return {'done', raw}
