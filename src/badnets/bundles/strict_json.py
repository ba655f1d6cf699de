"""JSON that is taken from others: read strictly, one defect is enough to refuse it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from badnets.core.errors import BundleError


def parse_json(data: bytes, what: str) -> object:
    """Return the value that ``data`` holds as JSON.

    Args:
        data: UTF-8, without a byte order mark.
        what: what to call it in an error.

    Raises:
        BundleError: not UTF-8, not JSON, a key given twice, NaN or infinity, a number too long,
            or values nested too deep.
    """

    def refuse(defect: str) -> NoReturn:
        raise BundleError(f"{what} {defect}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            refuse(f"gives the key {twice[:80]!r} twice")
        return values

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            refuse(f"holds the number {text[:40]}, which is beyond a float")
        return number

    try:
        text = data.decode("utf-8")
        value: object = json.loads(
            text,
            object_pairs_hook=unique,
            parse_float=finite,
            parse_constant=lambda name: refuse(f"holds {name}, which is not a JSON number"),
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair
    except UnicodeError:
        refuse("is not UTF-8 text")
    except RecursionError:
        refuse("is nested too deep")
    except json.JSONDecodeError as error:
        refuse(f"is not JSON: {error.msg} at byte {error.pos}")
    except ValueError:
        refuse("holds a number with too many digits")
    return value
