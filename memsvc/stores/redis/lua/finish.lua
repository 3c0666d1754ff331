-- Ends or reschedules a claimed job.
-- KEYS header due claimed
-- ARGV name, then (packed): lease, attempts, state, reason, error, retry_at, note
-- Gives 1, or 0 if the lease was lost.
local s, job = header(KEYS[1]), cmsgpack.unpack(ARGV[2])
if not s or s[F.job_lease] ~= job.lease or s[F.job_attempts] ~= job.attempts then return 0 end
local due, state = job.retry_at, job.state
if job.note and due and s[F.job_again] then due = math.min(due, s[F.job_again]) end
if not due and s[F.job_again] then due, state = s[F.job_again], 'queued' end  -- asked for meanwhile
if job.note or not job.retry_at then s[F.job_attempts], s[F.job_note] = 0, job.note or '' end
s[F.job_due], s[F.job_lease], s[F.job_claimed], s[F.job_again] = due or false, false, false, false
s[F.state], s[F.due_at], s[F.last_error] = state, due or false, job.error or false
if job.reason then s[F.last_reason] = job.reason end
queue(KEYS[2], s, ARGV[1])
call('ZREM', KEYS[3], ARGV[1])
save(KEYS[1], s)
return 1
