"""Deliberate bugs, and for each the test that must notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug.

    Attributes:
        name: what it does wrong.
        path: the file, below `memsvc/`.
        old, new: text that stands once in it, and what takes its place.
        tests: what pytest is told to run; it must pass without the bug and fail with it.
    """

    name: str
    path: str
    old: str
    new: str
    tests: str


SQLITE = "tests/contract/test_sqlite_memory.py"
VALKEY = "tests/contract/test_valkey_standalone.py"
MUTANTS = (
    Mutant(
        "a commit without compare-and-set",
        "stores/sqlite/moves.py",
        "    if expect not in ((old.uid, old.epoch, old.cut), (None, old.epoch, old.cut)):\n",
        "    if False:\n",
        f"{SQLITE} -k law6_commit_is_compare_and_set",
    ),
    Mutant(
        "the same on Valkey",
        "stores/redis/lua/commit.lua",
        "if asked.expect_epoch ~= s[F.epoch] or asked.expect_cut ~= s[F.cut]",
        "if false",
        f"{VALKEY} -k law6",
    ),
    Mutant(
        "a commit that trims the log",
        "stores/sqlite/moves.py",
        "    db.execute(_INSERT, (old.uid, old.summary_epoch, *summary_row(summary)))\n",
        "    db.execute(_INSERT, (old.uid, old.summary_epoch, *summary_row(summary)))\n"
        "    db.execute('DELETE FROM messages WHERE pos > ? AND pos <= ?', "
        "(rows.pos(old.uid, 0), rows.pos(old.uid, summary.to_seq)))\n",
        "tests/laws/test_law1_no_loss.py -k deletes_nothing",
    ),
    Mutant(
        "a cut inside a group",
        "core/turns.py",
        "                    current.end = end\n    _leave_open",
        "                    pass\n    _leave_open",
        "tests/core/test_turns.py",
    ),
    Mutant(
        "a cut behind an open group",
        "core/policy.py",
        "        closed = closed or not parts[first].open\n",
        "        closed = True\n",
        "tests/service/test_compact.py -k open_group",
    ),
    Mutant(
        "finish by a lost lease",
        "stores/sqlite/jobs.py",
        "    if row is None or row[:2] != (job.lease, job.attempts):\n",
        "    if row is None:\n",
        f"{SQLITE} -k fenced",
    ),
    Mutant(
        "the same on Valkey",
        "stores/redis/lua/finish.lua",
        "if not s or s[F.job_lease] ~= job.lease or s[F.job_attempts] ~= job.attempts then return 0 end",
        "if not s then return 0 end",
        f"{VALKEY} -k fenced",
    ),
    Mutant(
        "a lease that two may take",
        "stores/sqlite/jobs.py",
        "AND (lease IS NULL OR due_at <= ?2 OR claimed_at > ?3)",
        "AND (?2 IS NOT NULL OR ?3)",
        f"{SQLITE} -k taken",
    ),
    Mutant(
        "a worker that does not renew its lease",
        "service/leased.py",
        "                held = await self._queue.extend(job, now=self._clock(), lease_s=self._lease_s)\n",
        "                held = True\n",
        "tests/service/test_worker_lease.py",
    ),
    Mutant(
        "a worker that goes on without its lease",
        "service/leased.py",
        "            if not held:\n                return False\n",
        "",
        "tests/service/test_worker_lease.py -k lost",
    ),
    Mutant(
        "a forced compaction without a lease",
        "service/leased.py",
        "            job = await self._taken(key)\n",
        "            job = Job(key, 0.0, 1)\n",
        "tests/service/test_forced.py",
    ),
    Mutant(
        "an append without its job",
        "stores/sqlite/append.py",
        "    session = rows.update(db, jobs.ask_if_due(db, session, batch.at))\n",
        "    session = rows.update(db, session)\n",
        f"{SQLITE} -k job_is_queued",
    ),
    Mutant(
        "an idempotency key that is not compared",
        "stores/sqlite/append.py",
        '    if row[0] != batch.digest and not answer.get("open"):\n',
        "    if False:\n",
        f"{SQLITE} -k key_with_another_body",
    ),
    Mutant(
        "an idempotency key that is not kept",
        "stores/redis/lua/append.lua",
        "if asked.key then\n  call('HSET'",
        "if false then\n  call('HSET'",
        f"{VALKEY} -k law7",
    ),
    Mutant(
        "ids that are stored twice",
        "stores/sqlite/append.py",
        "    if draft.id is None or not session.last_seq:\n",
        "    if True:\n",
        f"{SQLITE} -k known_id",
    ),
    Mutant(
        "If-Match that looks at the wrong number",
        "stores/sqlite/append.py",
        "    have = old.log_revision if old is not None else 0\n",
        "    have = old.revision if old is not None else 0\n",
        "tests/laws/test_law6_compare_and_set.py -k if_match",
    ),
    Mutant(
        "an edit that keeps the newer summary",
        "stores/sqlite/moves.py",
        "        if found is None or found.to_seq <= after_seq:\n",
        "        if True:\n",
        f"{SQLITE} -k older_summary",
    ),
    Mutant(
        "an edit that leaves messages in the tail",
        "stores/redis/lua/truncate.lua",
        "call('ZADD', RANGES, floor, floor .. ':' .. s[F.last_seq])\n",
        "",
        f"{VALKEY} -k truncate",
    ),
    Mutant(
        "superseded messages in the context",
        "stores/sqlite/rows.py",
        '_TAIL = f"SELECT {ENTRY_COLUMNS} FROM messages WHERE pos > ? AND pos <= ? AND superseded = 0 ORDER BY pos"',
        '_TAIL = f"SELECT {ENTRY_COLUMNS} FROM messages WHERE pos > ? AND pos <= ? ORDER BY pos"',
        f"{SQLITE} -k truncate",
    ),
    Mutant(
        "a redaction that leaves the summaries",
        "stores/sqlite/redact.py",
        '    db.execute("DELETE FROM summaries WHERE uid = ? AND to_seq >= ?", (old.uid, seq))\n',
        "",
        f"{SQLITE} -k summary_that_covers",
    ),
    Mutant(
        "a redaction that leaves a digest",
        "stores/redis/lua/redact.lua",
        "record[1], record[3] = false,",
        "record[1], record[3] = record[1],",
        f"{VALKEY} -k retry_does_not_bring",
    ),
    Mutant(
        "one tenant's key for another's session",
        "stores/redis/keys.py",
        "        digest = _hash(key.tenant.encode(), key.session.encode())\n",
        "        digest = _hash(key.session.encode())\n",
        f"{VALKEY} -k law9",
    ),
    Mutant(
        "a header found without its tenant",
        "stores/sqlite/rows.py",
        '_HEAD = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE tenant = ? AND sid = ?"',
        "_HEAD = f\"SELECT {SESSION_COLUMNS} FROM sessions WHERE ? <> '' AND sid = ?\"",
        f"{SQLITE} -k law9",
    ),
    Mutant(
        "an answer that was cut short stands",
        "core/accept.py",
        '    if reply.stop != "end":\n',
        "    if False:\n",
        "tests/laws/test_law10_accepted.py -k hostile",
    ),
    Mutant(
        "a refusal stands",
        "core/accept.py",
        '    if reply.stop == "refusal":\n',
        "    if False:\n",
        "tests/core/test_accept.py -k no_summary",
    ),
    Mutant(
        "a compaction without a gain",
        "core/accept.py",
        "    if replaced_tokens - block_tokens < least_gain(replaced_tokens):\n",
        "    if False:\n",
        "tests/core/test_accept.py -k minimum_gain",
    ),
    Mutant(
        "pins that are left out",
        "core/accept.py",
        "            (_PINS, self.pins),\n",
        "",
        "tests/core/test_accept.py -k sections",
    ),
    Mutant(
        "a tag in a transcript that closes it",
        "core/prompt.py",
        "    return _open_up(text)\n",
        "    return text\n",
        "tests/core/test_tags.py tests/llm/test_written.py -k speakers or inside",
    ),
    Mutant(
        "a hold that looks at no limit",
        "stores/sqlite/ledger.py",
        "    if most_micros is not None:\n",
        "    if False:\n",
        f"{SQLITE} -k hold",
    ),
    Mutant(
        "what was held under another id stays held",
        "stores/redis/lua/settle.lua",
        "if ARGV[8] and let_go(KEYS, s, ARGV[8], ARGV[9]) then released = 2 end\n",
        "",
        f"{VALKEY} -k not_known_when",
    ),
    Mutant(
        "a call that another has counted is counted again",
        "service/budgets.py",
        "            cost = (line.micros or 0) if booked or held is None else 0\n",
        "            cost = line.micros or 0\n",
        "tests/service/test_budgets.py -k reported_first",
    ),
    Mutant(
        "a call that may be billed is written off",
        "llm/paid.py",
        "            if failed.kind in UNSURE:\n",
        "            if False:\n",
        "tests/llm/test_written.py -k may_have_been_billed",
    ),
    Mutant(
        "a price that is not known is nothing",
        "llm/paid.py",
        "        if micros is None:\n",
        "        if micros is None:\n            return 0\n        if micros is None:\n",
        "tests/llm/test_written.py -k without_a_price",
    ),
    Mutant(
        "a breaker that never opens",
        "llm/breaker.py",
        "        if for_good or leave is self._trying or self._failures >= TRIPS_AFTER:\n",
        "        if False:\n",
        "tests/llm/test_written.py -k rest",
    ),
    Mutant(
        "no hard mark",
        "service/memory.py",
        "        if rules.expected(session) > limits.max_tokens:\n            return True\n",
        "",
        "tests/laws/test_law5_bounded.py -k worker_that_never_runs",
    ),
    Mutant(
        "a stale context for a new revision",
        "service/views.py",
        "        if self.body_revision != revision:\n",
        "        if self.body_revision < 0:\n",
        "tests/service/test_views.py",
    ),
    Mutant(
        "an ETag that does not change",
        "service/memory.py",
        """f'"{born}.{session.revision}.{asked}.{RENDERER}"'""",
        """f'"{born}.{asked}.{RENDERER}"'""",
        "tests/service/test_views.py -k etag",
    ),
    Mutant(
        "a prefix that counts what is not settled",
        "core/render/context.py",
        '            "messages": len(self._front) + self._hashed,\n',
        '            "messages": len(self._front) + self._hashed + len(self.tail.provisional()),\n',
        "tests/laws/test_law2_cache.py",
    ),
    Mutant(
        "a factor that drifts inside an epoch",
        "core/policy.py",
        "        session,\n        anchor_tokens=size,\n",
        "        session,\n        factor=size / sent.tokens,\n        anchor_tokens=size,\n",
        "tests/core/test_policy.py -k anchor",
    ),
    Mutant(
        "a history that is written anew",
        "service/history.py",
        "    messages = [entry.raw] if format is None or entry.redacted else convert(entry, format)\n",
        "    messages = [orjson.dumps(orjson.loads(entry.raw))]\n",
        "tests/laws/test_law1_no_loss.py tests/edges/test_odd_input.py",
    ),
    Mutant(
        "a copy that is shown before it is whole",
        "stores/redis/lua/publish.lua",
        "if not m or m.token ~= asked.token then return {'lost'} end\n",
        "if not m then return {'lost'} end\n",
        f"{VALKEY} -k attempt",
    ),
    Mutant(
        "a write sent twice when its answer is late",
        "stores/redis/server.py",
        "        return await self._settled(self._script(shard, found, keys, args, wait=True, alone=False))\n",
        "        try:\n"
        "            return await self._script(shard, found, keys, args, wait=True, alone=False)\n"
        "        except Lost:\n"
        "            await asyncio.sleep(1.5)\n"
        "            return await self._settled(self._script(shard, found, keys, args, wait=True, alone=False))\n",
        "tests/faults/test_valkey_faults.py -k not_sent_again",
    ),
)
