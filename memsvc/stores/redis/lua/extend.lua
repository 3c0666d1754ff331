-- Lets a claimed job become due later; what proves the claim stays.
-- KEYS header due claimed
-- ARGV name, then (packed): lease, attempts, later, now
-- Gives 1, or 0 if the lease was lost.
local s, job = header(KEYS[1]), cmsgpack.unpack(ARGV[2])
if not s or s[F.job_lease] ~= job.lease or s[F.job_attempts] ~= job.attempts then return 0 end
s[F.job_due], s[F.job_claimed] = job.later, job.now
queue(KEYS[2], s, ARGV[1])
call('ZADD', KEYS[3], job.now, ARGV[1])
save(KEYS[1], s)
return 1
