-- Says in which shard a line of the books stands or is about to be written; the first to ask has it.
-- KEYS ids of the tenant's books
-- ARGV id, shard
-- Gives the shard.
if call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then return ARGV[2] end
return call('HGET', KEYS[1], ARGV[1])
