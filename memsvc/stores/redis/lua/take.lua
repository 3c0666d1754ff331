-- Takes the job of a session, due or not, asked for or not.
-- KEYS header due claimed
-- ARGV name, now, length of a lease, lease, the lease instead of it if the last one was the same
-- Gives nothing without the session, 0 while another holds the job, else the header.
local name, now, lease_s, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local s = header(KEYS[1])
if not s then return false end
if not s[F.job_due] then
  s[F.job_lease], s[F.job_claimed], s[F.job_again], s[F.job_attempts], s[F.job_note] = false, false, false, 0, ''
elseif s[F.job_lease] and s[F.job_due] > now and s[F.job_claimed] <= now + lease_s then
  return 0
end
return seize(KEYS[1], KEYS[2], KEYS[3], s, name, now, lease, tonumber(ARGV[5]))
