"""The repository that a run was started in: its commit, and what differs from it."""

import subprocess
from pathlib import Path

from dougong.secrets import hide_lines

LONGEST = 1_000_000
"""Characters of a diff that are kept."""
# The repository's own settings may name programs that git would run.
_SAFE = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks", "--no-pager")


def git_commit(folder: Path | None = None) -> str | None:
    """The commit of the working directory's repository, with `-dirty` where files differ from it; None without one."""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").strip() or None


def git_diff(folder: Path | None = None) -> str:
    """How its files differ from the commit, without secrets; files that git does not know are left out."""
    found = hide_lines(_git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color"))
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}\n(cut: it has {len(found):,} characters)\n"


def _git(folder: Path | None, *words: str) -> str:
    try:
        answer = subprocess.run([*_SAFE, *words], cwd=folder, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""
