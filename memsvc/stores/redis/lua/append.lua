-- Appends a batch: all of it or nothing.
-- KEYS header settings log ids replays ages payloads payload-counts due all tenant-index user-index
-- ARGV what is asked (packed, see log.py), header and settings to take on ('' = none), the header that these
--      stand in for ('' = they begin the session), then the messages, then their payloads
-- Gives {'no'} if the session is not there and there is nothing to begin it with; {'stale', header, settings}
-- if the header must be changed by who knows the rules; {'reused'}; {'at', log_revision}; {'user', token};
-- {'replay', header, settings, seqs, tokens, revision, log_revision, epoch};
-- {'done', header, settings, seqs, tokens, duplicate, due}.
local H, SETTINGS, LOG, IDS, REPLAYS, AGES, PAYLOADS, COUNTS, DUE, ALL, INDEX, USER = unpack(KEYS)
local asked, taken_on, new_settings, instead_of = cmsgpack.unpack(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local REPLAYS_KEPT, REPLAY_S, PURGE_STEP = 10000, 86400, 8

local old, raw = header(H)
if old and asked.key then
  local found = call('HGET', REPLAYS, asked.key)
  if found then
    local digest, seqs, tokens, revision, log_revision, epoch = unpack(cmsgpack.unpack(found))
    if digest and digest ~= asked.digest then return {'reused'} end  -- none is kept of what was redacted
    return {'replay', raw, settings(SETTINGS, old, asked.stamp), seqs, tokens, revision, log_revision, epoch}
  end
end
local have = old and old[F.log_revision] or 0
if asked.if_log_revision and asked.if_log_revision ~= have then return {'at', have} end

local s, adopted = old, false
local system_is_message = false
if not old then
  if taken_on == '' or instead_of ~= '' then return {'no'} end
  s, adopted = cmsgpack.unpack(taken_on), asked.adopted
else
  local unlike = asked.system and old[F.system] ~= asked.system
  if (asked.format and not old[F.format]) or (unlike and old[F.last_seq] == 0) then
    if instead_of ~= raw then return {'stale', raw, settings(SETTINGS, old, '')} end
    s, adopted = cmsgpack.unpack(taken_on), asked.adopted
  end
  system_is_message = unlike and not adopted
end
if s[F.user] ~= asked.user then return {'user', s[F.user]} end

-- Seqs of all messages, and which are new.
local drafts, ids, known = asked.drafts, {}, {}
local first = system_is_message and 1 or 2  -- the first draft is the system message, or false
for n = first, #drafts do
  if drafts[n][3] then ids[#ids + 1] = drafts[n][3] end
end
if #ids > 0 and s[F.last_seq] > 0 then
  for from = 1, #ids, 1000 do
    local found = call('HMGET', IDS, unpack(ids, from, math.min(from + 999, #ids)))
    for n = 1, #found do known[ids[from + n - 1]] = found[n] and tonumber(found[n]) or nil end
  end
end
local seqs, fresh, last = {}, {}, s[F.last_seq]
local tokens = adopted and asked.system_tokens or 0
for n = first, #drafts do
  local id = drafts[n][3]
  local seq = id and known[id]
  if not seq then
    last = last + 1
    seq = last
    fresh[#fresh + 1] = n
    if id then known[id] = seq end
  end
  seqs[#seqs + 1] = seq
  tokens = tokens + drafts[n][1]
end

local stored = #fresh > 0 or adopted or not old
local due = false
if stored then
  local revision = s[F.revision] + 1
  s[F.revision], s[F.log_revision], s[F.updated_at] = revision, s[F.log_revision] + 1, asked.at
  local seq, scores, named = s[F.last_seq], {}, {}
  for _, n in ipairs(fresh) do
    local size, id = drafts[n][2], drafts[n][3]
    seq = seq + 1
    s[F.messages] = s[F.messages] + 1
    s[F.live_tokens], s[F.live_bytes] = s[F.live_tokens] + drafts[n][1], s[F.live_bytes] + size
    s[F.tail_tokens], s[F.tail_bytes] = s[F.tail_tokens] + drafts[n][1], s[F.tail_bytes] + size
    scores[#scores + 1] = seq
    scores[#scores + 1] = struct.pack('>I4I4I4I4I8I8I8', seq, s[F.epoch], revision, s[F.messages],
      s[F.live_tokens], s[F.live_bytes], asked.tip) .. ARGV[n + 4]
    if asked.hashes then keep(PAYLOADS, COUNTS, asked.hashes, asked.has[n], 4 + #drafts) end
    if id then
      named[#named + 1] = id
      named[#named + 1] = seq
    end
  end
  for from = 1, #scores, 1000 do call('ZADD', LOG, unpack(scores, from, math.min(from + 999, #scores))) end
  for from = 1, #named, 1000 do call('HSET', IDS, unpack(named, from, math.min(from + 999, #named))) end
  s[F.last_seq] = seq
  if #fresh > 0 then s[F.tip] = asked.tip end
  if s ~= old then
    s[F.put_tip] = asked.tip
    call('SET', SETTINGS, new_settings)
  end
  due = s[F.soft_tokens] and context_tokens(s) > s[F.soft_tokens]
  if not old then call('ZADD', ALL, s[F.uid], asked.name) end
  ask_if_due(DUE, s, asked.name, asked.at)
  raw = save(H, s)
  index(INDEX, USER, s)
else
  s = old
end

if asked.key then
  call('HSET', REPLAYS, asked.key, cmsgpack.pack({asked.digest, seqs, tokens, s[F.revision], s[F.log_revision],
    s[F.epoch]}))
  call('RPUSH', AGES, struct.pack('>I8d', s[F.log_revision], asked.at) .. asked.key)
  for _ = 1, PURGE_STEP do  -- more than one, so that old ones cannot pile up
    local oldest = call('LINDEX', AGES, 0)
    local _, at = struct.unpack('>I8d', oldest)
    if call('LLEN', AGES) <= REPLAYS_KEPT or at >= asked.at - REPLAY_S then break end
    call('HDEL', REPLAYS, string.sub(oldest, 17))
    call('LPOP', AGES)
  end
end
return {'done', raw, settings(SETTINGS, s, asked.stamp), seqs, tokens, stored and 0 or 1, due and 1 or 0}
