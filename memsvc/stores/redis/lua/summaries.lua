-- Committed summaries, oldest first.
-- KEYS header summaries
-- ARGV after which epoch, how many
-- Gives {} without the session, else {summaries}.
if call('EXISTS', KEYS[1]) == 0 then return {} end
return {call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])}
