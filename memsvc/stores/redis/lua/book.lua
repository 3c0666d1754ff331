-- Books a line, unless it is there or would pass a limit.
-- KEYS header ledger spent lines, one that is not used here, what all lines come to
-- ARGV id, '1' if held, the figure as it is sorted, the line, '1' if it counts in a limit, '1' if the session must
--      be there, the name among all lines; then for a limit: what the figures of that feature and time begin with, the most they may come to
-- Gives 1; 0 if the id is booked; 2 if it would pass the limit; 3 if the session is gone.
local id, held, figure, counts = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local s = header(KEYS[1])
if not s and ARGV[6] == '1' then return 3 end
if call('HEXISTS', KEYS[2], id) == 1 then return 0 end
if ARGV[9] then
  local total = struct.unpack('>d', figure, 17)
  if s then
    local last = '[' .. string.sub(ARGV[8], 1, 8) .. '\255'
    for _, one in ipairs(call('ZRANGEBYLEX', KEYS[3], '[' .. ARGV[8], last)) do
      total = total + struct.unpack('>d', one, 17)
    end
  end
  if total > tonumber(ARGV[9]) then return 2 end
end
local uid = s and s[F.uid] or 0
call('HSET', KEYS[2], id, held .. struct.pack('>I8I4', uid, #figure) .. figure .. ARGV[4])
call('ZADD', KEYS[4], 0, ARGV[7])
if s and counts == '1' then call('ZADD', KEYS[3], 0, figure) end
if s then shown(KEYS, ARGV[4], id) end
tally(KEYS, ARGV[4], held == '1', 1)
return 1
