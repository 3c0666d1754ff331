-- Takes a job if it is due still, or was claimed by a clock that has since been set back by more than a lease.
-- KEYS header due claimed
-- ARGV name, now, length of a lease, lease, the lease instead of it if the last one was the same
-- Gives the header, or nothing.
local name, now, lease_s, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local s = header(KEYS[1])
if not s or not s[F.job_due] then return false end
if s[F.job_due] > now and not (s[F.job_claimed] and s[F.job_claimed] > now + lease_s) then return false end
return seize(KEYS[1], KEYS[2], KEYS[3], s, name, now, lease, tonumber(ARGV[5]))
