-- Takes fields out of a hash.
-- KEYS hash
-- ARGV fields
-- Gives how many were there.
return call('HDEL', KEYS[1], unpack(ARGV))
