"""Everything that can go wrong, as one tree; the HTTP face prints any of it as a problem document.

```text
MemsvcError
├─ InvalidRequest       400  malformed or invalid content; `field` names the place
├─ Unauthorized         401  no credential, or one that is not known
├─ Forbidden            403  the credential may not do this
├─ BudgetExceeded       402  the tenant's budget is used up
├─ NotFound             404  no such session (or message) for this tenant, or no such path
├─ MethodNotAllowed     405  the path exists, but not with this method
├─ RequestTimeout       408  the body did not arrive in time
├─ Conflict             409  the state moved: If-Match, re-used idempotency key, lost compare-and-set
├─ TooLarge             413  body, message or name over a limit
├─ UnsupportedMedia     415  the body comes in an encoding that is not taken
├─ CannotFit            422  no legal context within the limit; `minimum` says what would fit
├─ RateLimited          429  slow down; `retry_after` in seconds
├─ SummarizerError      503  a summarizer failed or its answer was refused
└─ Unavailable          503  store or provider away; `retry_after` in seconds
```
"""

from __future__ import annotations


class MemsvcError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        status: the HTTP status the error maps to.
        code: stable machine-readable name, part of the API.
        retryable: whether the same request may succeed later.
        detail: one sentence for a person: what was wrong, where, what to do.
        extra: further members of the problem document (`field`, `minimum`, ...).
    """

    status: int = 500
    code: str = "internal"
    title: str = "Internal error"
    retryable: bool = False

    def __init__(self, detail: str, *, code: str | None = None, **extra: object) -> None:
        super().__init__(detail)
        self.detail: str = detail
        if code is not None:
            self.code = code
        self.extra: dict[str, object] = {k: v for k, v in extra.items() if v is not None}


class InvalidRequest(MemsvcError):
    """Malformed or invalid content. `extra["field"]` is a path such as `messages[2].content`."""

    status: int = 400
    code: str = "invalid_request"
    title: str = "Invalid request"


class Unauthorized(MemsvcError):
    """No credential was sent, or it is not known."""

    status: int = 401
    code: str = "unauthorized"
    title: str = "Unauthorized"


class BudgetExceeded(MemsvcError):
    """The tenant's budget for the period is used up."""

    status: int = 402
    code: str = "budget_exceeded"
    title: str = "Budget exceeded"


class Forbidden(MemsvcError):
    """The credential is known but may not do this."""

    status: int = 403
    code: str = "forbidden"
    title: str = "Forbidden"


class NotFound(MemsvcError):
    """No such session or message for this tenant."""

    status: int = 404
    code: str = "not_found"
    title: str = "Not found"


class MethodNotAllowed(MemsvcError):
    """The path exists, but not with this method. `extra["allow"]` lists those that do."""

    status: int = 405
    code: str = "method_not_allowed"
    title: str = "Method not allowed"


class RequestTimeout(MemsvcError):
    """The body did not arrive in time; nothing was written."""

    status: int = 408
    code: str = "request_timeout"
    title: str = "Request timeout"
    retryable: bool = True


class Conflict(MemsvcError):
    """The state is not what the caller expected; nothing was written."""

    status: int = 409
    code: str = "conflict"
    title: str = "Conflict"


class TooLarge(MemsvcError):
    """A body, message or name is over its limit."""

    status: int = 413
    code: str = "too_large"
    title: str = "Too large"


class UnsupportedMedia(MemsvcError):
    """The body comes in an encoding (such as gzip) that is not taken."""

    status: int = 415
    code: str = "unsupported_media"
    title: str = "Unsupported media"


class CannotFit(MemsvcError):
    """No legal context exists within the limit. `extra["minimum"]` (tokens) says what would fit."""

    status: int = 422
    code: str = "cannot_fit"
    title: str = "Cannot fit"


class RateLimited(MemsvcError):
    """Too many requests. `extra["retry_after"]` in seconds."""

    status: int = 429
    code: str = "rate_limited"
    title: str = "Rate limited"
    retryable: bool = True


class SummarizerError(MemsvcError):
    """A summarizer failed, or its answer was refused by the acceptance checks."""

    status: int = 503
    code: str = "summarizer_failed"
    title: str = "Summarizer failed"
    retryable: bool = True


class Unavailable(MemsvcError):
    """The store or a provider is away. `extra["retry_after"]` in seconds."""

    status: int = 503
    code: str = "unavailable"
    title: str = "Unavailable"
    retryable: bool = True
