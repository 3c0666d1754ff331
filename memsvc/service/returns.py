"""How often a tenant's sessions are taken up again after the provider's cache has forgotten them."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct, field

from memsvc.core.model import Key

EVEN = 0.5
"""The chance of a tenant of whom nothing is known."""
MOST_SESSIONS = 10_000
"""Of a tenant; what was left alone the longest is forgotten first."""
MOST_TENANTS = 1_000
MOST_COUNTED = 1_000
"""Past so many cases all count half: habits change."""


class _Tenant(Struct):
    """What is known of one tenant.

    Attributes:
        hot: when the cache of each session expires, in order of its last call.
        left: sessions whose cache has expired since, and that have not been taken up again.
        back, gone: how many were and were not, the sessions in `left` not among them.
    """

    hot: OrderedDict[str, float] = field(default_factory=OrderedDict)
    left: OrderedDict[str, None] = field(default_factory=OrderedDict)
    back: float = 0.0
    gone: float = 0.0

    def sweep(self, now: float) -> None:
        """Move those whose cache has expired."""
        while self.hot:
            session, ends = next(iter(self.hot.items()))
            if ends >= now:
                return
            del self.hot[session]
            self.left[session] = None
            if len(self.left) > MOST_SESSIONS:
                self.left.popitem(last=False)
                self.gone += 1
                self._fade()

    def returned(self) -> None:
        """A session was taken up again."""
        self.back += 1
        self._fade()

    def _fade(self) -> None:
        if self.back + self.gone > MOST_COUNTED:
            self.back, self.gone = self.back / 2, self.gone / 2


class Returns:
    """Learnt from the calls that this process sees; kept in memory, since a wrong guess costs little."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()

    def called(self, key: Key, at: float, ttl_s: float) -> None:
        """A session's model was called at `at` (unix seconds); its cache holds for `ttl_s`."""
        tenant = self._tenants.setdefault(key.tenant, _Tenant())
        self._tenants.move_to_end(key.tenant)
        if len(self._tenants) > MOST_TENANTS:
            self._tenants.popitem(last=False)
        tenant.sweep(at)
        if key.session in tenant.left:
            del tenant.left[key.session]
            tenant.returned()
        tenant.hot.pop(key.session, None)
        tenant.hot[key.session] = at + ttl_s
        if len(tenant.hot) > MOST_SESSIONS:
            tenant.hot.popitem(last=False)

    def chance(self, key: Key, now: float) -> float:
        """The share of the tenant's other sessions that were taken up again, drawn towards `EVEN` while few
        are known. Those that still may be count as left."""
        tenant = self._tenants.get(key.tenant)
        if tenant is None:
            return EVEN
        tenant.sweep(now)
        left = tenant.gone + len(tenant.left) - (key.session in tenant.left)
        return (tenant.back + 2 * EVEN) / (tenant.back + left + 2)
