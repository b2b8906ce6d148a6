"""What an installed distribution asks for and does not find: reasons that its plugins can't be used."""

from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from dougong import __version__

OURS = "dougong"


def unmet(distribution: Distribution) -> str | None:
    """The first requirement of a distribution that is not met, in words; None if all are.

    Extras are not asked for, and what can't be read is not held against it.
    """
    return next(filter(None, map(_unmet, distribution.requires or ())), None)


@cache
def _unmet(line: str) -> str | None:
    try:
        requirement = Requirement(line)
        if requirement.url or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            return None
        found = _installed(requirement.name)
        if found is None:
            return f"it needs {requirement.name}, which is not installed"
        # A development version of what is asked for will do.
        if not requirement.specifier.contains(found, prereleases=True):
            return f"it needs {requirement.name}{requirement.specifier}, and {found} is installed"
    except (InvalidRequirement, InvalidVersion):
        pass
    return None


def _installed(name: str) -> str | None:
    # Ours may run from a checkout, of which no metadata tells.
    if name == OURS:
        return __version__
    try:
        return version(name)
    except PackageNotFoundError:
        return None
