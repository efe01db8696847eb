"""Links to where the source can be looked at: right on servers we know, none elsewhere, never with a credential."""

import pytest

from devpush.models.forge import forge


@pytest.mark.parametrize(
    ("repo_url", "commit", "branch"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b/commit/c0ffee", "https://github.com/a/b/tree/x/y%23"),
        ("ssh://git@github.com/a/b.git", "https://github.com/a/b/commit/c0ffee", "https://github.com/a/b/tree/x/y%23"),
        ("https://x:secret@gitlab.com/a/b", "https://gitlab.com/a/b/-/commit/c0ffee", "https://gitlab.com/a/b/-/tree/x/y%23"),
        ("ssh://git@gitlab.acme.org:22/a/g/b.git", "https://gitlab.acme.org/a/g/b/-/commit/c0ffee", "https://gitlab.acme.org/a/g/b/-/tree/x/y%23"),
        ("https://codeberg.org/a/b", "https://codeberg.org/a/b/commit/c0ffee", "https://codeberg.org/a/b/src/branch/x/y%23"),
        ("https://bitbucket.org/a/b", "https://bitbucket.org/a/b/commits/c0ffee", "https://bitbucket.org/a/b/branch/x/y%23"),
    ],
)  # fmt: skip
def test_commits_and_branches_have_pages(repo_url: str, commit: str, branch: str) -> None:
    found = forge(repo_url)
    assert found
    assert (found.commit("c0ffee"), found.branch("x/y#")) == (commit, branch)


def test_a_connected_repository_is_on_github_wherever_that_is() -> None:
    found = forge("https://github.acme.org:8443/a/b.git", connected=True)
    assert found
    assert found.commit("c0ffee") == "https://github.acme.org:8443/a/b/commit/c0ffee"


@pytest.mark.parametrize(
    "repo_url", ["https://git.example.com/a/b", "/srv/git/b.git", "javascript://github.com/%0aalert(1)", ""]
)
def test_elsewhere_there_are_none(repo_url: str) -> None:
    assert forge(repo_url) is None
    assert forge("https://github.com/a/b", local=True) is None
