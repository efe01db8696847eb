"""Where repositories, commits and branches can be looked at, on servers known to have such pages."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class Forge:
    """A repository's pages."""

    repository: str
    commits: str
    branches: str
    comparison: str

    def commit(self, sha: str) -> str:
        return f"{self.repository}/{self.commits}/{quote(sha)}"

    def branch(self, name: str) -> str:
        return f"{self.repository}/{self.branches}/{quote(name)}"

    def compare(self, old: str, new: str) -> str:
        """What `new` has and `old` hasn't."""
        return f"{self.repository}/{self.comparison.format(quote(old), quote(new))}"


GITHUB = ("commit", "tree", "compare/{}...{}")
GITLAB = ("-/commit", "-/tree", "-/compare/{}...{}")
GITEA = ("commit", "src/branch", "compare/{}...{}")
BITBUCKET = ("commits", "branch", "branches/compare/{1}..{0}")
KNOWN = {
    "github.com": GITHUB,
    "gitlab.com": GITLAB,
    "codeberg.org": GITEA,
    "gitea.com": GITEA,
    "bitbucket.org": BITBUCKET,
}


def full_name(repo_url: str) -> str:
    """owner/name, as GitHub calls the repository at this address."""
    return "/".join(repo_url.removesuffix(".git").split("/")[-2:])


def forge(repo_url: str, *, local: bool = False, connected: bool = False) -> Forge | None:
    """By the repository's address, of HTTPS or SSH; a connected one is on GitHub, wherever that is. Never with a
    credential."""
    parts = urlsplit(repo_url)
    host = (parts.hostname or "").removeprefix("www.")
    words = GITHUB if connected else GITLAB if host.startswith("gitlab.") else KNOWN.get(host)
    if local or words is None or parts.scheme not in ("https", "http", "ssh"):
        return None
    place = f"https://{host}" if parts.scheme == "ssh" else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    path = quote(parts.path.rstrip("/").removesuffix(".git"), safe="/~%")
    return Forge(f"{place}{path}", *words)
