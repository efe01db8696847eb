"""What was chosen and seen of a repository, between the pages of a new project."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from devpush.deploy import connect, create, detect
from devpush.errors import Refused, Unavailable, WrongKey
from devpush.models import rules
from devpush.models.secret import decrypt, encrypt
from devpush.ports import Repository
from devpush.web import throttle
from devpush.web.auth import me, this_team
from devpush.web.world import world

MOST_BRANCHES = 200
MOST_LOOKS = 60
"""At repositories, within ten minutes, by one user."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """It travels as an encrypted field of the form: nothing is kept for those who go away, nothing is lost when Redis
    is flushed, and the token or key it may hold is readable to this server only. It names its user and team, and ends
    by itself."""

    user: str
    team: str
    until: float
    source: str
    """An address, or an example's name."""
    token: str = ""
    key: str = ""
    public_key: str = ""
    example: str = ""
    installation: int = 0
    repository: int = 0
    """GitHub's ids, for one that was picked there."""
    name: str = ""
    """As shown: owner/name on GitHub; else the address."""
    branches: Sequence[str] = ()
    folders: Sequence[str] = ()
    branch: str = ""
    root_dir: str = ""
    """What was looked at."""
    preset: str = ""
    why: str = ""

    @property
    def id(self) -> str:
        return encrypt(json.dumps(asdict(self)))

    @property
    def token_kept(self) -> bool:
        return bool(self.token)

    @property
    def connected(self) -> bool:
        return bool(self.repository)

    @property
    def shown(self) -> str:
        return self.name or self.source

    @property
    def wants_key(self) -> bool:
        return not self.example and rules.is_ssh(self.source)

    def seen(self, look: detect.Look, *, branch: str = "", root_dir: str = "") -> "Choice":
        """With what the look told. Folders are suggested by the first look, which was at the whole tree."""
        return replace(
            self,
            branches=look.branches[:MOST_BRANCHES],
            folders=self.folders if root_dir else look.folders,
            branch=branch or look.default_branch,
            root_dir=root_dir,
            preset=look.preset.slug,
            why=look.why,
        )


def opened(token: str) -> Choice | None:
    """The choice a form brings back, if it is this user's, of this team, and not too old."""
    try:
        choice = Choice(**json.loads(decrypt(token)))
    except (WrongKey, ValueError, TypeError):
        return None
    theirs = (choice.user, choice.team) == (str(me().id), str(this_team().id))
    return choice if theirs and choice.until > time.time() else None


async def look(choice: Choice, *, branch: str = "", root_dir: str = "") -> detect.Look:
    """Look at what was chosen; of GitHub's, whether they may is asked again each time. Raises Refused."""
    mind_the_pace()
    if choice.connected:
        connection = await connect.chosen(world(), me(), choice.installation, choice.repository)
        return await connect.look(world(), connection, branch=branch, root_dir=root_dir)
    try:
        return await detect.look(world(), place(choice), branch=branch, root_dir=root_dir)
    except Unavailable as failure:  # a server that doesn't answer is the address's fault as far as we can tell
        raise Refused(str(failure), field="source") from None


def mind_the_pace() -> None:
    """Each look is a git of its own, with all the memory, disk and time that a repository may take."""
    if not throttle.allows("looks", str(me().id), limit=MOST_LOOKS, per=600):
        raise Refused("That was too often. Please wait ten minutes.")


def place(choice: Choice) -> Repository:
    """Where it is and what opens it, unless it is GitHub's."""
    if choice.example:
        return Repository(example(choice.example).source, local=True)
    return Repository(choice.source, token=choice.token, key=choice.key)


def example(slug: str) -> create.Example:
    for found in create.examples(world()):
        if found.slug == slug:
            return found
    raise Refused("There is no such example.", field="example")
