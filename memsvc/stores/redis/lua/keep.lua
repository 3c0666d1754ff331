-- Puts a value into a hash.
-- KEYS hash
-- ARGV field, value
return call('HSET', KEYS[1], ARGV[1], ARGV[2])
