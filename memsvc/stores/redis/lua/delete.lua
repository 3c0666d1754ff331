-- Removes a session and all that hangs on it. Its lines stay in the books, which know it by its uid alone.
-- KEYS due claimed all tenant-index user-index, what is staged under its name (8 keys), then all keys of the session,
--      the header first
-- ARGV name, the user's token, '' or a time
-- Gives 0 if there was none or it was active at that time or later, 1 when done, or {'user', token}.
local s = header(KEYS[14])
if s and ARGV[3] ~= '' and s[F.updated_at] >= tonumber(ARGV[3]) then return 0 end
call('UNLINK', unpack(KEYS, 6, 13))
if not s then return 0 end
if s[F.user] ~= ARGV[2] then return {'user', s[F.user]} end
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', KEYS[4], member(s))
if s[F.user] ~= '-' then call('ZREM', KEYS[5], member(s)) end
call('ZREM', KEYS[1], ARGV[1])
call('ZREM', KEYS[2], ARGV[1])
call('UNLINK', unpack(KEYS, 14))  -- not DEL: freeing a large log would hold up everybody
return 1
