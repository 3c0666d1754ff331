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

    status = 500
    code = "internal"
    title = "Internal error"
    retryable = False

    def __init__(self, detail: str, *, code: str | None = None, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        self.extra = {k: v for k, v in extra.items() if v is not None}


class InvalidRequest(MemsvcError):
    """Malformed or invalid content. `extra["field"]` is a path such as `messages[2].content`."""

    status, code, title = 400, "invalid_request", "Invalid request"


class Unauthorized(MemsvcError):
    """No credential was sent, or it is not known."""

    status, code, title = 401, "unauthorized", "Unauthorized"


class BudgetExceeded(MemsvcError):
    """The tenant's budget for the period is used up."""

    status, code, title = 402, "budget_exceeded", "Budget exceeded"


class Forbidden(MemsvcError):
    """The credential is known but may not do this."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(MemsvcError):
    """No such session or message for this tenant."""

    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(MemsvcError):
    """The path exists, but not with this method. `extra["allow"]` lists those that do."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class RequestTimeout(MemsvcError):
    """The body did not arrive in time; nothing was written."""

    status, code, title, retryable = 408, "request_timeout", "Request timeout", True


class Conflict(MemsvcError):
    """The state is not what the caller expected; nothing was written."""

    status, code, title = 409, "conflict", "Conflict"


class TooLarge(MemsvcError):
    """A body, message or name is over its limit."""

    status, code, title = 413, "too_large", "Too large"


class UnsupportedMedia(MemsvcError):
    """The body comes in an encoding (such as gzip) that is not taken."""

    status, code, title = 415, "unsupported_media", "Unsupported media"


class CannotFit(MemsvcError):
    """No legal context exists within the limit. `extra["minimum"]` (tokens) says what would fit."""

    status, code, title = 422, "cannot_fit", "Cannot fit"


class RateLimited(MemsvcError):
    """Too many requests. `extra["retry_after"]` in seconds."""

    status, code, title, retryable = 429, "rate_limited", "Rate limited", True


class SummarizerError(MemsvcError):
    """A summarizer failed, or its answer was refused by the acceptance checks."""

    status, code, title, retryable = 503, "summarizer_failed", "Summarizer failed", True


class Unavailable(MemsvcError):
    """The store or a provider is away. `extra["retry_after"]` in seconds."""

    status, code, title, retryable = 503, "unavailable", "Unavailable", True
