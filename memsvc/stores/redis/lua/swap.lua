-- Puts a value in the place of the one that was seen there.
-- KEYS hash
-- ARGV field, value seen ('' = none), new value
-- Gives 1, or 0 and no change if another value stands there.
if (call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
