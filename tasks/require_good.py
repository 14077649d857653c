"""How many images may be bad before a run is given up."""

from collections import Counter
from collections.abc import Iterable

from storage.errors import EigenwaveError
from storage.settings import Settings

NAMED = 3  # images named in a message


def allowed(settings: Settings, images: int) -> int:
    """The most images that may be bad."""
    return int(settings.max_bad_fraction * images)


def require_few(bad: Iterable[tuple[str, str, str]], images: int, settings: Settings) -> int:
    """Count bad images, given by key, reason and detail.

    Raises
    ------
    EigenwaveError
        If they are more than the settings allow; the sentence counts them by reason and names some.
    """
    reasons: Counter[str] = Counter()
    named: list[str] = []
    for key, reason, detail in bad:
        reasons[reason] += 1
        if len(named) < NAMED:
            named.append(f"{key}: {detail}")
    count = reasons.total()
    if count > allowed(settings, images):
        counted = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        raise EigenwaveError(
            f"{count} of {images} images cannot be used ({counted}; {'; '.join(named)}); mend or remove them, "
            f"or raise --max-bad-fraction above {settings.max_bad_fraction}."
        )
    return count
