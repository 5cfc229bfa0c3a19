"""What ``dvc.lock`` names in any state of the repository that git can still reach."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tsis.core.errors import StoreError

_MD5 = re.compile(r"md5: ([0-9a-f]{32})")


def dvc_hashes(repository: Path) -> set[str]:
    """Return the MD5 sums that ``dvc.lock`` names, in the working tree and in every git reference.

    Raises
    ------
    StoreError
        If the folder is under git, but git can't be asked: what it would name is unknown.
    """
    working = repository / "dvc.lock"
    found = set(_MD5.findall(working.read_text() if working.exists() else ""))
    if any((folder / ".git").exists() for folder in (repository, *repository.absolute().parents)):
        for blob in _blobs(repository):
            found |= set(_MD5.findall(_git(repository, "cat-file", "blob", blob)))
    return found


def _blobs(repository: Path) -> set[str]:
    """Return the distinct contents of ``dvc.lock``, one for many references that share it."""
    listed = _git(repository, "for-each-ref", "--format=%(objecttype) %(*objecttype) %(objectname)")
    refs = [line.split()[-1] for line in listed.splitlines() if "commit" in line.split()]
    refs += _git(repository, "rev-parse", "--verify", "--quiet", "HEAD", accepts=(0, 1)).split()
    trees = (_git(repository, "ls-tree", ref, "dvc.lock") for ref in refs)
    return {tree.split()[2] for tree in trees if tree}


def _git(repository: Path, *arguments: str, accepts: tuple[int, ...] = (0,)) -> str:
    git = shutil.which("git")
    if git is None:
        raise StoreError(f"{repository} is under git, but git is not installed: what dvc.lock names is unknown")
    # a fixed program with arguments of our own: nothing from outside reaches it
    done = subprocess.run([git, "-C", str(repository), *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in accepts:
        reason = done.stderr.strip().partition("\n")[0]
        raise StoreError(f"git {arguments[0]} failed in {repository}: {reason}; what dvc.lock names is unknown")
    return done.stdout
