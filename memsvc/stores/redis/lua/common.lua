-- What scripts share; each gets only what it uses. `F.name` is the place of a field in a header.
-- Times are unix seconds. A field of a header is never nil: false stands for "none".
-- Keys come in a fixed order, told in the first lines of each script. A number is given to `call` as it is:
-- the server writes all its digits, Lua's own .. only 14 of them (enough for a seq, not for a time).
local call = redis.call

local function header(key)  -- (values, raw bytes), or nil
  local raw = call('GET', key)
  if not raw then return nil end
  local s = cmsgpack.unpack(raw)
  if #s ~= F.job_note then error('a header is of another release: see "Two releases at once" in docs/upgrade.md') end
  return s, raw
end

local function save(key, s)  -- stores a header; gives its bytes
  local raw = cmsgpack.pack(s)
  call('SET', key, raw)
  return raw
end

local function settings(key, s, stamp)  -- the settings, unless the caller has those of that stamp
  return s[F.stamp] ~= stamp and call('GET', key)
end

local function member(s)  -- of the indexes: the uid first, so that equal times have an order
  return string.format('%014x', s[F.uid]) .. s[F.sid]
end

local function index(tenant_key, user_key, s)  -- shows a session at its new place among the others
  call('ZADD', tenant_key, s[F.updated_at], member(s))
  if s[F.user] ~= '-' then call('ZADD', user_key, s[F.updated_at], member(s)) end
end

local function context_tokens(s)
  return s[F.fixed] + s[F.summary_tokens] + s[F.tail_tokens]
end

-- Ranges (from, to] of superseded messages lie apart from each other, as members 'from:to' at score `from`.

local function range(text)
  local from, to = string.match(text, '^(%d+):(%d+)$')
  return tonumber(from), tonumber(to)
end

local function range_below(ranges, seq)  -- the last one that begins before seq
  local found = call('ZREVRANGEBYSCORE', ranges, '(' .. seq, '-inf', 'LIMIT', 0, 1)
  if found[1] then return range(found[1]) end
end

local function live_floor(ranges, seq)  -- the newest message up to seq that is not superseded; 0 = none
  local from, to = range_below(ranges, seq)
  if from and seq <= to then return from end
  return seq
end

-- Before each message stand its numbers; those of live messages hold as long as it is live itself, for what an
-- edit supersedes is always an end of the live log. What was redacted in its midst is told by members
-- 'seq:last:tokens:bytes' at score `seq`: the numbers of messages from `seq` to `last` count it still.

local function entry(log, seq)  -- {seq, epoch, revision, messages, tokens, bytes, tip} at the newest message up to seq
  local found = seq > 0 and call('ZREVRANGEBYSCORE', log, seq, '-inf', 'LIMIT', 0, 1)[1]
  if not found then return {seq = 0, epoch = 0, revision = 0, messages = 0, tokens = 0, bytes = 0, tip = 0} end
  local at, epoch, revision, messages, tokens, bytes, tip = struct.unpack('>I4I4I4I4I8I8I8', found)
  return {seq = at, epoch = epoch, revision = revision, messages = messages, tokens = tokens, bytes = bytes, tip = tip}
end

local function sums(log, ranges, seq)  -- at the newest live message up to seq, as they were written
  return entry(log, live_floor(ranges, seq))
end

local function totals(log, ranges, gone, seq)  -- of the live messages up to seq
  local sum = sums(log, ranges, seq)
  for _, one in ipairs(call('ZRANGEBYSCORE', gone, '-inf', sum.seq)) do
    local last, tokens, bytes = string.match(one, '^%d+:(%d+):(%d+):(%d+)$')
    if sum.seq <= tonumber(last) then
      sum.messages, sum.tokens, sum.bytes = sum.messages - 1, sum.tokens - tokens, sum.bytes - bytes
    end
  end
  return sum
end

-- Appends messages from `from` to `upto` to `list`, until it holds `limit` or `most` bytes are used up.
-- Gives the last seq that was looked at, and what is left of `most`.
local function read(list, log, from, upto, limit, most)
  local step = 8
  while from <= upto and #list < limit and most > 0 do
    local found = call('ZRANGEBYSCORE', log, from, upto, 'LIMIT', 0, math.min(step, limit - #list))
    if #found == 0 then return upto, most end
    local size = 0
    for _, one in ipairs(found) do
      list[#list + 1] = one
      size = size + #one
    end
    from = struct.unpack('>I4', found[#found]) + 1
    most = most - size
    if size < 65536 then step = step * 2 end
  end
  return from - 1, most
end

local function sizes(staged)  -- of the parts of what is being put together: all keys but the first
  local found = {}
  for n, letter in ipairs({'Z', 'H', 'Z', 'Z', 'Z', 'H', 'H'}) do
    found[n] = call(letter == 'Z' and 'ZCARD' or 'HLEN', staged[n + 1])
  end
  return found
end

local function id(uid)  -- a uid as text, with all its digits
  return string.format('%.0f', uid)
end

local function heir(heirs, uid)  -- of the session that took the place of the one with this uid, itself if none did
  local next = call('HGET', heirs, id(uid))
  while next do
    uid = tonumber(next)
    next = call('HGET', heirs, next)
  end
  return uid
end

-- Figures of the books are found by day in `cells`, whose member '#' tells how many fields of them were there when it was
-- last looked through: an earlier release adds some without a word. Members '@span' count changes of 8 days each, below 0:
-- sums that somebody keeps of them stand while the count does.
local function indexed(figures, cells)
  if tonumber(call('ZSCORE', cells, '#') or 0) == -call('HLEN', figures) then return end
  for _, field in ipairs(call('HKEYS', figures)) do
    if string.byte(field) == 1 then
      local place = string.sub(field, 2)
      local day = cmsgpack.unpack(place)[1]
      if call('ZADD', cells, day, place) == 1 then call('ZINCRBY', cells, -1, '@' .. math.floor(day / 8)) end
    end
  end
  call('ZADD', cells, -call('HLEN', figures), '#')
end

-- Adds a line of the books (`sign` 1), or takes it off (-1), in the figures of its day, feature and model. As floats:
-- a sum of integers may overflow, and then the whole script would stop halfway. `keys` as below.
local function tally(keys, line, held, sign)
  local figures, cells = keys[6], keys[9]
  local l = cmsgpack.unpack(line)
  local day = math.floor(l[3] / 86400)
  local place = cmsgpack.pack({day, l[4], l[5], l[6]})
  local micros = l[12] or 0
  local values = {1, l[7] or 0, l[8] or 0, l[9] or 0, l[10] or 0, l[11] or 0, micros, l[12] and 0 or 1, held and 1 or 0,
    held and micros or 0}
  indexed(figures, cells)
  for n, value in ipairs(values) do
    if value ~= 0 then call('HINCRBYFLOAT', figures, string.char(n) .. place, string.format('%.0f', sign * value)) end
  end
  call('ZADD', cells, day, place, -call('HLEN', figures), '#')
  call('ZINCRBY', cells, -1, '@' .. math.floor(day / 8))
  call('SADD', keys[8], l[1])
end

-- Lines of the books that a session has: by their time, where it is there.
local function shown(keys, line, id)
  call('ZADD', keys[7], cmsgpack.unpack(line)[3], id)
end

-- Lines of the books that are held. `keys` are header, ledger, spent, lines, heirs, what all lines come to, the session's
-- lines by time, tenants, and what the lines come to by day.

local function unheld(keys, s, line)  -- takes the figures of a held line off: (uid of its session, or nil, as stored)
  local found = call('HGET', keys[2], line)
  if not found or string.sub(found, 1, 1) ~= '1' then return nil, found end
  local owner, size = struct.unpack('>I8I4', found, 2)
  tally(keys, string.sub(found, 14 + size), true, -1)
  owner = heir(keys[5], owner)
  if s and owner == s[F.uid] then
    call('ZREM', keys[3], string.sub(found, 14, 13 + size))
    call('ZREM', keys[7], line)
  end
  return owner, found
end

local function let_go(keys, s, line, name)  -- takes a held line off; whether there was one
  if not unheld(keys, s, line) then return false end
  call('HDEL', keys[2], line)
  call('ZREM', keys[4], name)
  return true
end

-- The session's one job, and its place in the queue.

local function queue(due_key, s, name)
  if s[F.job_due] then
    call('ZADD', due_key, s[F.job_due], name)
  else
    call('ZREM', due_key, name)
  end
end

local function ask(s, due_at)  -- asks for a compaction; an earlier request stands. True if anything changed
  if not s[F.job_due] then
    s[F.job_due], s[F.job_lease], s[F.job_claimed], s[F.job_again] = due_at, false, false, false
    s[F.job_attempts], s[F.job_note] = 0, ''
  elseif s[F.job_lease] then  -- claimed: whoever has it must look once more when done
    s[F.job_again] = math.min(s[F.job_again] or due_at, due_at)
    return true
  elseif s[F.job_attempts] > 0 or s[F.job_due] <= due_at then  -- backing off, or earlier already
    return false
  else
    s[F.job_due] = due_at
  end
  s[F.state], s[F.due_at] = 'queued', due_at
  return true
end

local function ask_if_due(due_key, s, name, at)  -- if the context has passed the soft mark
  if s[F.soft_tokens] and context_tokens(s) > s[F.soft_tokens] and ask(s, at) then queue(due_key, s, name) end
end

-- Takes a job for as long as its lease; `other` is the lease instead of it if the last one was the same, for a
-- lease is a proof: no two are alike. Gives the header's bytes.
local function seize(header_key, due_key, claimed_key, s, name, now, lease, other)
  if s[F.job_lease] == lease then lease = other end
  s[F.job_due], s[F.job_lease], s[F.job_claimed] = lease, lease, now
  s[F.job_attempts] = s[F.job_attempts] + 1
  if s[F.job_again] and s[F.job_again] <= now then s[F.job_again] = false end
  s[F.state] = 'running'
  queue(due_key, s, name)
  call('ZADD', claimed_key, now, name)
  return save(header_key, s)
end

local function current(chain)  -- (epoch, tokens, cut) of the summary in force; zeros for none
  local found = call('ZREVRANGE', chain, 0, 0, 'WITHSCORES')
  if not found[1] then return 0, 0, 0 end
  local epoch, tokens = range(found[1])
  return epoch, tokens, tonumber(found[2])
end

-- A new prefix, unless it is that of a compaction of which nothing is served: then `renderer`, the old one, stays.
local function begun(s, revision, tip, reason, bound, renderer)
  s[F.put_tip] = tip
  if s[F.shadow] == 1 and reason == 'compacted' then
    s[F.renderer] = renderer
    return
  end
  s[F.prefix_reason], s[F.prefix_revision], s[F.prefix_tip] = reason, revision, tip
  if bound then s[F.bound_revision] = revision end
end

-- A header under a new prefix: its live figures and the chain are as they are to be, all else follows here.
local function point(s, chain, log, ranges, gone, asked, bound)
  local epoch, tokens, cut = current(chain)
  local revision, covered = s[F.revision] + 1, totals(log, ranges, gone, cut)
  bound = bound or (epoch ~= s[F.summary_epoch] and s[F.shadow] ~= 1)
  s[F.revision], s[F.epoch] = revision, s[F.epoch] + 1
  s[F.summary_epoch], s[F.summary_tokens], s[F.cut] = epoch, tokens, cut
  s[F.tail_tokens], s[F.tail_bytes] = s[F.live_tokens] - covered.tokens, s[F.live_bytes] - covered.bytes
  s[F.tip] = sums(log, ranges, s[F.last_seq]).tip
  for place, value in pairs(asked.set) do s[place] = value end
  begun(s, revision, asked.tip, asked.reason, bound, s[F.renderer])
end

local function edited(s, at)  -- the log is another one
  s[F.updated_at], s[F.log_revision] = at, s[F.log_revision] + 1
end

local function keep(payloads, counts, hashes, has, from)  -- payloads of one message; they stand in ARGV after `from`
  for _, n in ipairs(has) do
    call('HSETNX', payloads, hashes[n], ARGV[from + n])
    call('HINCRBY', counts, hashes[n], 1)
  end
end
