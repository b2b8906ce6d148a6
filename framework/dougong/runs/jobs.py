"""What a run is called where runs stand side by side."""

from pathlib import Path

from dougong.sweep.membership import membership


def group_of(folder: Path) -> str | None:
    """What the jobs of one sweep share; None for a run by itself."""
    found = membership(folder)
    return found.group if found else None


def name_of(folder: Path) -> str:
    """What tells a run from others, for people: the words in which the jobs of its sweep differ, and where it is."""
    place = "/".join(folder.resolve().parts[-2:])
    found = membership(folder)
    return f"{_short(found.name)} ({place})" if found and "=" in found.name else place


def _short(name: str) -> str:
    """Words with commas between: of each the last part of its key, where no other ends so."""
    words = [word.partition("=") for word in name.split(",")]
    ends = [key.rpartition(".")[2] for key, *_ in words]
    return ",".join(
        f"{end if ends.count(end) == 1 else key}{equals}{value}"
        for end, (key, equals, value) in zip(ends, words, strict=True)
    )
