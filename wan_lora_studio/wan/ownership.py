"""Ownership: who may use or change a thing, one owner at a time.

A thing (a transformer, the manager of a model) keeps its own `Ownership`. An owner's `Claim` holds
several things; when it ends, they are put back into the state that the next owner expects.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from wan_lora_studio.errors import InUseError, StudioError
from wan_lora_studio.texts import say

POLL = 0.05  # seconds between two looks at what else could end the waiting
TRIES = 10  # that a claim makes to put things back when it is interrupted

Check = Callable[[], None]  # called while waiting; raises to stop it
PutBack = Callable[[], None]


def nothing() -> None:
    """What needs no check, or no putting back."""


class Ownership:
    """Of one thing, kept by it. A copy of the thing is free."""

    def __init__(self) -> None:
        # A claim that ended, and after it the one that came next: no lock, which an interrupt
        # between taking it and giving it back would keep for good.
        self._turn = Turn()

    def __deepcopy__(self, memo: object) -> Ownership:
        return Ownership()

    def __reduce__(self) -> tuple[type[Ownership], tuple[()]]:
        return (Ownership, ())

    @property
    def claim(self) -> Claim | None:
        """The claim in force."""
        claim = self._latest()
        return None if claim is None or claim.ended else claim

    def require_not_mine(self) -> None:
        """Raise InUseError if this thread owns the thing."""
        claim = self.claim
        if claim is not None and self.mine:
            raise _nested(claim)

    @property
    def mine(self) -> bool:
        """Whether this thread owns the thing."""
        claim = self.claim
        return claim is not None and claim.thread is threading.current_thread()

    def is_held_by(self, claim: Claim) -> bool:
        return self._latest() is claim

    def offer(self, claim: Claim) -> Claim:
        """The claim in force after this one was made: itself, or that of the present owner."""
        while True:
            holder = self._turn.claimed_by(claim)
            if holder is not None and not holder.ended:
                return holder
            self._turn = self._turn.next()

    def _latest(self) -> Claim | None:
        """The last claim that was made; None if nothing refers to it any more."""
        turn, found = self._turn, None
        while turn.is_taken:
            found, turn = turn.claim, turn.next()
        return found


class Turn:
    """One claim's turn, of which the next is always the same: `setdefault` lets one of several
    threads decide, in one step."""

    def __init__(self) -> None:
        self._claims: dict[None, weakref.ref[Claim]] = {}
        self._next: dict[None, Turn] = {}

    @property
    def is_taken(self) -> bool:
        return bool(self._claims)

    @property
    def claim(self) -> Claim | None:
        """None if nothing refers to it any more."""
        return self._claims[None]()

    def claimed_by(self, claim: Claim) -> Claim | None:
        """Whose turn it is: this claim's, or that of one which was first."""
        return self._claims.setdefault(None, weakref.ref(claim))()

    def next(self) -> Turn:
        return self._next.setdefault(None, Turn())


class Claim:
    """One owner's hold on things, until `end`; or until nothing refers to it any more, or its
    thread has ended and another claims them.

    `what` says in words what the owner does with them. `things` come with what puts them back,
    which may be called again after a failure, and from any thread.
    """

    def __init__(self, what: str, things: Mapping[Ownership, PutBack]) -> None:
        self.what = what
        self.thread = threading.current_thread()
        self.lost = False
        self._things = things
        self._over = threading.Event()
        self._ending = threading.RLock()
        self.ended = False  # last: from here on it can be ended

    def take(self, wait: bool | float = True, check: Check = nothing) -> None:
        """Own the things: at once, or when their owners are done with them.

        Raises InUseError at once with `wait=False`, after so many seconds with a number, and
        where waiting could never end: the owner is this thread, or waits for this thread.
        """
        deadline = None if wait is True else time.monotonic() + float(wait)
        # In one order for all, so that no two claims wait for one another.
        for thing in sorted(self._things, key=id):
            while (owner := thing.offer(self)) is not self:
                owner.be_waited_for(deadline, check)

    def be_waited_for(self, deadline: float | None, check: Check) -> None:
        """Return when this claim may have ended. Raises as `take`."""
        if not self.thread.is_alive():
            self.lost = True
            self.end()
            return
        if self.thread is threading.current_thread():
            raise _nested(self)
        if _waits_for_me(self.thread):
            raise _deadlock(self)
        if deadline is not None and time.monotonic() >= deadline:
            raise _in_use(self)
        check()
        left = POLL if deadline is None else max(0.0, deadline - time.monotonic())
        with _waiting(self):
            self._over.wait(min(POLL, left))

    def end(self) -> None:
        """Put things back and let them go. An interrupt, or whatever else is raised meanwhile,
        is raised when that is done."""
        raised: BaseException | None = None
        for _ in range(TRIES):
            # Whatever is raised: an interrupt may be of any type, and must leave nothing undone.
            try:
                self._put_back()
                self._let_go()
                break
            except BaseException as error:  # noqa: BLE001 - raised below, once all is undone
                raised = raised or error
                if isinstance(error, StudioError):
                    break  # it would happen again
        self._let_go()
        if raised is not None:
            raise raised

    def _put_back(self) -> None:
        with self._ending:
            for thing, put_back in self._things.items():
                if not self.ended and thing.is_held_by(self):
                    put_back()

    def _let_go(self) -> None:
        self.ended = True
        self._over.set()

    def __del__(self) -> None:
        """What dropped the claim without ending it was interrupted in between."""
        if not getattr(self, "ended", True) and not sys.is_finalizing():
            self.end()


@contextmanager
def owning(
    things: Sequence[Ownership], what: str, wait: bool | float = True, check: Check = nothing
) -> Iterator[None]:
    """Own things that need no putting back. Raises as `Claim.take`."""
    claim = Claim(what, dict.fromkeys(things, nothing))
    try:
        claim.take(wait, check)
        yield
    finally:
        claim.end()


@contextmanager
def _waiting(claim: Claim) -> Iterator[None]:
    """Says for whom this thread waits, where a thread that it waits for can see it."""
    thread = threading.current_thread()
    thread.__dict__["_waits_for"] = weakref.ref(claim)
    try:
        yield
    finally:
        thread.__dict__.pop("_waits_for", None)


def _waits_for_me(thread: threading.Thread) -> bool:
    """Whether the thread waits for this one, or for one that does."""
    seen = set()
    while thread not in seen:
        seen.add(thread)
        link = thread.__dict__.get("_waits_for")
        claim = link() if link is not None else None
        if claim is None or claim.ended:
            return False
        thread = claim.thread
        if thread is threading.current_thread():
            return True
    return False


def _in_use(owner: Claim) -> InUseError:
    return InUseError(
        say("wan.ownership.in_use", use=owner.what, thread=owner.thread.name),
        context={"owner": owner.what, "thread": owner.thread.name},
    )


def _nested(owner: Claim) -> InUseError:
    return InUseError(
        say("wan.ownership.nested", use=owner.what),
        cause=say("wan.ownership.nested_cause"),
        suggestions=[
            say("wan.ownership.change_open"),
            say("wan.ownership.close_first"),
        ],
        context={"owner": owner.what, "thread": owner.thread.name},
    )


def _deadlock(owner: Claim) -> InUseError:
    return InUseError(
        say("wan.ownership.deadlock", use=owner.what, thread=owner.thread.name),
        cause=say("wan.ownership.deadlock_cause"),
        suggestions=[say("wan.ownership.close_here")],
        context={"owner": owner.what, "thread": owner.thread.name},
    )
