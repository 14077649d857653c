"""What the values of a column are: categories, numbers, dates, or lists of labels."""

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["categorical", "number", "date", "labels", "other"]
FEW = 20  # different whole numbers that are taken as categories
WHOLE = r"^-?(0|[1-9][0-9]*)$"  # not 007, which is a name
DECIMAL = r"^-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
DIGIT = "[0-9]"
LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def plain_values(values: pa.ChunkedArray) -> pa.Array:
    """Return the values of a column without dictionaries, null where they are empty, blank or not finite.

    Text whose values are all numbers, or all dates of ISO 8601, becomes numbers or times: lists in text files have
    nothing else.
    """
    plain = values.combine_chunks()
    if pa.types.is_dictionary(plain.type):
        plain = plain.cast(plain.type.value_type)
    if pa.types.is_floating(plain.type):
        return pc.if_else(pc.is_finite(plain), plain, pa.scalar(None, plain.type))
    return _read(plain.cast(pa.string())) if _is_text(plain.type) else plain


def _read(text: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(text)
    trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    for pattern, kind in ((WHOLE, pa.int64()), (DECIMAL, pa.float64()), (DATE, pa.timestamp("us"))):
        if not _all_match(trimmed, pattern):
            continue
        for target in (kind, pa.timestamp("us", "UTC")) if kind == pa.timestamp("us") else (kind,):
            try:
                return trimmed.cast(target)
            except pa.ArrowInvalid:  # a whole number too large, or not a date
                continue
    return trimmed


def _all_match(text: pa.Array, pattern: str) -> bool:
    there = text.drop_null()
    matching = pc.and_(pc.match_substring_regex(there, pattern), pc.match_substring_regex(there, DIGIT))
    return len(there) > 0 and bool(pc.all(matching).as_py())


def kind_of(values: pa.Array) -> Kind:
    """Return what plain values are.

    Text and truth values are categories, and so are whole numbers of which there are at most `FEW` different ones.
    Other numbers are numbers; times and dates are dates; lists are lists of labels.
    """
    kind = values.type
    if _is_text(kind) or pa.types.is_boolean(kind):
        return "categorical"
    if pa.types.is_integer(kind):
        return "categorical" if pc.count_distinct(values).as_py() <= FEW else "number"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    return "labels" if any(is_it(kind) for is_it in LISTS) and not pa.types.is_nested(kind.value_type) else "other"


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
