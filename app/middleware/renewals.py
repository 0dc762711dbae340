"""Which pages are made anew with the edit that changes them, so that no reader waits for it.

A page of a condition that was read since it was made is read again: whoever edits the condition
has it made before the edit is answered, in each of the representations that were asked for. What
nobody read since is left to its next reader, so that no page is made more often than it is read.
They are made in threads, so that others are answered from memory meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, MutableMapping
from typing import Any

from starlette.types import Message, Scope

from app.queries.stamps import About

# What the scope of a page that nobody asked for has.
RENEWAL = "claimbase.renewal"
MOST_CONDITIONS = 1_000
MOST_REPRESENTATIONS = 4  # of one page; most readers accept the same
# An edit waits no longer for its pages: the one in the making is finished without it, and those
# that are not begun are left to their readers.
WAITS_SECONDS = 0.05
ASKED_WITH = {b"host", b"accept", b"accept-encoding", b"origin"}
PARTS = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "server",
)
Key = tuple[Hashable, ...]


class Renewals:
    """How the pages of conditions were asked for, those that were made last."""

    def __init__(self, is_page: Callable[[str], bool]) -> None:
        self._is_page = is_page
        self._of: OrderedDict[int, OrderedDict[Key, Scope]] = OrderedDict()

    def note(self, about: About | None, key: Key, scope: Scope) -> None:
        """The answer that is kept under the key was made for this request."""
        if about is None or scope["query_string"] or not self._is_page(scope["path"]):
            return
        asked = self._of.setdefault(about.condition_id, OrderedDict())
        asked[key] = _asking(scope)
        asked.move_to_end(key)
        self._of.move_to_end(about.condition_id)
        if len(asked) > MOST_REPRESENTATIONS:
            asked.popitem(last=False)
        if len(self._of) > MOST_CONDITIONS:
            self._of.popitem(last=False)

    def of(self, conditions: Collection[int]) -> list[tuple[Key, Scope]]:
        """What to ask for again, and how; what was made last comes first.

        In a thread, since nobody waits for it alone, and of the base that has the edit.
        """
        return [
            (key, {**scope, "state": {"nobody_waits": False, "only_primary": True}})
            for condition_id in conditions
            for key, scope in reversed(self._of.get(condition_id, {}).items())
        ]


def _asking(scope: MutableMapping[str, Any]) -> Scope:
    """The request again, without what was its reader's alone."""
    asked = {name: scope[name] for name in PARTS if name in scope}
    asked["headers"] = [pair for pair in scope["headers"] if pair[0] in ASKED_WITH]
    return asked | {RENEWAL: True}


async def no_body() -> Message:
    return {"type": "http.disconnect"}


async def to_nobody(message: Message) -> None:
    """The answer is kept; that is all."""
