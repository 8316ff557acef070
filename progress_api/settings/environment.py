"""Environment variables that are not settings."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

# Set by progress_api.serving, so that progress_api.wsgi can warn if it was not used.
CONFIGURED = "PROGRESS_API_SERVING"
_CLOSE = 0.9  # about one wrong letter in ten; DATABASE_USER must not match DATABASE_URL


def misspelled(environment: Iterable[str], settings: Iterable[str]) -> Iterator[str]:
    """Yield a sentence, without the value, for each variable that is probably a misspelled setting.

    Args:
        environment: names of environment variables.
        settings: names of all settings, in upper or lower case.
    """
    known = [name.upper() for name in settings]
    for name in sorted(set(environment).difference(known)):
        for nearest in get_close_matches(name.upper(), known, n=1, cutoff=_CLOSE):
            yield f"{name} is not a setting and has no effect. Did you mean {nearest}?"
