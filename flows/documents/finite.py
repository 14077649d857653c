"""Numbers that JSON has."""

import math
from typing import Any


def finite(content: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the content with None in place of NaN and of infinite numbers."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
