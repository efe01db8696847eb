"""The platform's own process, which kills itself at an await it is told: python -m tests.crash.victim serve.

A file in DATA_DIR says which: what it does then, the number of the await, and whether that has only begun or has just
ended. Each time through, it writes down at which places it has waited."""

import inspect
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from devpush.deploy import teardown
from devpush.deploy.rollout import Rollout
from devpush.deploy.sweep import Sweeper

ORDER, PLACES = "crash.json", "places"
"""In DATA_DIR."""


@dataclass(frozen=True)
class Order:
    """Where to die."""

    what: str
    """rollout, sweep or removals."""
    number: int
    """Of the await, from 1."""
    after: bool
    """When what it waited for is done, and nothing else has begun."""

    def give(self, folder: Path) -> None:
        (folder / ORDER).write_text(json.dumps(asdict(self)))


def _taken(what: str) -> Order | None:
    """An order is for one time through, and for the next where that was too short."""
    try:
        order = Order(**json.loads((_folder() / ORDER).read_text()))
    except FileNotFoundError:
        return None
    if order.what != what:
        return None
    (_folder() / ORDER).unlink()
    return order


def _folder() -> Path:
    return Path(os.environ["DATA_DIR"])


class Watched:
    """Awaits a coroutine, and counts how often that waits for something itself."""

    def __init__(self, what: str, inner: Coroutine[Any, Any, Any]) -> None:
        self.what, self.inner, self.order = what, inner, _taken(what)
        self.places: list[str] = []

    def __await__(self) -> Generator[Any, Any, Any]:
        resume = partial(self.inner.send, None)
        while True:
            try:
                waits_for = resume()
            except StopIteration as ended:
                self._write_down()
                return ended.value
            self.places.append(place(self.inner))
            self._die_if(after=False)
            try:
                told = yield waits_for
            except BaseException as problem:  # cancelled, most likely
                resume = partial(self.inner.throw, problem)
            else:
                resume = partial(self.inner.send, told)
            self._die_if(after=True)

    def _die_if(self, *, after: bool) -> None:
        if self.order == Order(self.what, len(self.places), after):
            os.kill(os.getpid(), signal.SIGKILL)

    def _write_down(self) -> None:
        """The longest way through counts: mostly there is little to do."""
        if self.order:
            self.order.give(_folder())
        told = _folder() / PLACES / self.what
        told.parent.mkdir(exist_ok=True)
        if not told.exists() or len(json.loads(told.read_text())) < len(self.places):
            told.write_text(json.dumps(self.places))


def place(coroutine: Any) -> str:
    """The innermost line of our own code that waits, like deploy/rollout.py:77."""
    found = ""
    while inspect.iscoroutine(coroutine) or inspect.isasyncgen(coroutine):
        frame = coroutine.cr_frame if inspect.iscoroutine(coroutine) else coroutine.ag_frame
        if frame and "/devpush/" in frame.f_code.co_filename:
            found = f"{frame.f_code.co_filename.rpartition('/devpush/')[2]}:{frame.f_lineno}"
        coroutine = coroutine.cr_await if inspect.iscoroutine(coroutine) else coroutine.ag_await
    return found


def watched(what: str, function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(*arguments: Any) -> Any:
        return await Watched(what, function(*arguments))

    return run


if __name__ == "__main__":
    Rollout.run = watched("rollout", Rollout.run)  # type: ignore[method-assign, assignment]
    Sweeper.sweep = watched("sweep", Sweeper.sweep)  # type: ignore[method-assign, assignment]
    teardown.work = watched("removals", teardown.work)  # type: ignore[assignment]
    from devpush.cli import main  # not earlier: it takes down what it calls

    sys.argv[0] = "devpush.py"
    main()
