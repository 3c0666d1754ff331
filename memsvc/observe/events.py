"""What is worth telling the outside: events as frozen values.

Events carry names, numbers and reasons; never a message, a summary, a key or a header. Where they go is
`observe.logs`, the metrics and the webhook.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from memsvc.core.money import Usage


class Compacted(Struct, frozen=True):
    """A summary was committed.

    Attributes:
        from_seq, to_seq: the newly covered range.
        before_tokens, after_tokens: raw size of the context at either side of the commit.
        reason: what triggered it (`threshold`, `forced`, `hard`, ...).
        model: who wrote the summary.
        attempts: summarizer calls made.
        seconds: from the first question to a summarizer to the commit.
        routed: the tier that the conversation asked for, and the score behind it; None = there are no tiers.
        cost_usd: of the summary.
        predicted_saving_usd: None = nobody has predicted any.
        settled: what the compaction before was to save, and has saved, in dollars; None = one of them is not known.
        shadow: the full history is served all the same.
    """

    tenant: str
    session: str
    epoch: int
    from_seq: int
    to_seq: int
    before_tokens: int
    after_tokens: int
    reason: str
    model: str
    attempts: int = 1
    seconds: float = 0.0
    routed: str | None = None
    cost_usd: float = 0.0
    predicted_saving_usd: float | None = None
    settled: tuple[float, float] | None = None
    shadow: bool = False


class CompactionFailed(Struct, frozen=True):
    """A compaction ended without a commit.

    Attributes:
        error: the error's code, never its text: a provider may quote the conversation.
        retry_at: unix seconds of the next try; None = none is planned.
        trigger: `forced` for one that a caller wanted at once, else `threshold`.
    """

    tenant: str
    session: str
    error: str
    attempts: int
    retry_at: float | None = None
    trigger: str = "threshold"


class NotCompacted(Struct, frozen=True):
    """A compaction was looked at, or made, and nothing was committed, without a failure.

    Attributes:
        trigger: what wanted it (`threshold`, `rent`, `cold`, `forced`, `hard`).
        outcome: why nothing changed (`below_threshold`, `nothing_to_compact`, `no_gain`, `lost_race`, `batched`, ...).
    """

    tenant: str
    session: str
    trigger: str
    outcome: str


class SummarizerFailed(Struct, frozen=True):
    """A summarizer gave no answer that may stand; the next in line was asked.

    Attributes:
        summarizer: `provider:model`.
        error: the error's code.
        where: the innermost frames of a fault of ours, `file:line function`; empty for any other failure.
    """

    tenant: str
    session: str
    summarizer: str
    error: str
    where: tuple[str, ...] = ()


class RequestFailed(Struct, frozen=True):
    """A request was answered with 5xx.

    Attributes:
        call: name of the row in the endpoint table, or `?` when none matched.
        error: the error's code, or the exception's type when nobody foresaw it.
        where: the innermost frames of such an exception, `file:line function`.
    """

    request_id: str
    call: str
    status: int
    error: str
    seconds: float
    where: tuple[str, ...] = ()


class WorkerFailed(Struct, frozen=True):
    """The worker could not look after its queue, or met something nobody foresaw; it goes on.

    Attributes:
        error: the error's code, or the exception's type.
        where: the innermost frames of an unforeseen exception, `file:line function`.
    """

    error: str
    where: tuple[str, ...] = ()


class StoreNotice(Struct, frozen=True):
    """Something about the store that an operator should know; `text` holds nothing secret."""

    text: str


class BudgetReached(Struct, frozen=True):
    """A level of a tenant's budget was reached, for the first time in its period.

    Attributes:
        feature: None = the budget of all calls.
        period: `day` or `month`, in UTC.
        percent: of the budget; 100 = a call was refused, or was made all the same and passed it.
        spent_usd: what is spent or held.
    """

    tenant: str
    feature: str | None
    period: str
    percent: int
    limit_usd: float
    spent_usd: float


class AlertLost(Struct, frozen=True):
    """News could not be sent to the webhook; `error` says why, and nothing of the address."""

    error: str


class Unpriced(Struct, frozen=True):
    """A reported call's model has no known price: it costs nothing in the books. Told once a day."""

    tenant: str
    provider: str
    model: str
    feature: str


class CacheBroken(Struct, frozen=True):
    """A caller changed what the provider had cached.

    Attributes:
        cause: what it changed (`tools_changed`, `system_changed`, `model_changed`, `edited`).
        tokens: provider tokens, as expected, that were written anew.
        usd: what that costs beyond reading them; None = the model's price is unknown.
    """

    tenant: str
    session: str
    cause: str
    tokens: int
    usd: float | None


class ReplyNotStored(Struct, frozen=True):
    """A client got a reply through the gateway that its session lacks; `error` is the error's code."""

    tenant: str
    session: str
    error: str


class Booked(Struct, frozen=True):
    """A model call stands in the books with what it came to: settled, or reported by who made it.

    Attributes:
        session: "" where the call was of none.
        usage: tokens in the provider's own count.
        usd: what it cost; None = the model's price is unknown.
    """

    tenant: str
    session: str
    feature: str
    provider: str
    model: str
    usage: Usage
    usd: float | None


class ProviderFailed(Struct, frozen=True):
    """A provider refused or broke off a call of the gateway, or could not be reached.

    Attributes:
        error: its HTTP status, or the code of our own error (`upstream_unreachable`, `upstream_broke_off`).
    """

    tenant: str
    session: str
    provider: str
    error: str


class StreamMoved(Struct, frozen=True):
    """A stream through the gateway began, or ended (`opened` False)."""

    provider: str
    opened: bool


class Answered(Struct, frozen=True):
    """A request was answered, whatever the answer.

    Attributes:
        request_id: the name that the answer carries too.
        call: name of the row in the endpoint table, the path of a gateway's call, or `?` when none matched.
        seconds: until the answer was made; of a stream, until its end.
        tenant, session: "" = not known, or none.
    """

    request_id: str
    call: str
    status: int
    seconds: float
    tenant: str
    session: str


Failure = CompactionFailed | SummarizerFailed | RequestFailed | WorkerFailed | ReplyNotStored | ProviderFailed
News = StoreNotice | BudgetReached | Unpriced | AlertLost | CacheBroken | Booked | StreamMoved | Answered
Event = Compacted | NotCompacted | Failure | News
Sink = Callable[[Event], None]
"""Where events go. Must not raise and must not block."""


def both(one: Sink, other: Sink) -> Sink:
    """A sink that tells two."""

    def tell(event: Event) -> None:
        one(event)
        other(event)

    return tell
