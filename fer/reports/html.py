"""Pages from fer/reports/templates, and how numbers are written in them.

An html page loads nothing: pictures are embedded, and its own content policy forbids the network. It
forbids scripts too, except one by its hash. What a user named (classes, title, config) is escaped.
"""

import base64
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import jinja2

from fer.common.files import replacing

DASH = "–"  # for a missing number


def write_page(path: Path, template: str, *, script: str = "", **content: object) -> None:
    """Write the `template`, filled with `content`, to `path`, completely or not at all.

    script: a file of the templates that the page runs. It stands in the page as it is.
    """
    environment = _environment()
    code = environment.get_template(script).render() if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    page = environment.get_template(template).render(script=code, digest=digest, **content)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def percent(value: float | None, form: str = ".2f") -> str:
    """A fraction as a percentage, `60.91 %` with a no-break space, or a dash for a missing one."""
    return DASH if _missing(value) else f"{100 * value:{form}}\u00a0%"


def fixed(value: float | None, form: str = ".4f") -> str:
    """A number in a format, with four decimals by default, or a dash for a missing one."""
    return DASH if _missing(value) else f"{value:{form}}"


def duration(seconds: float | None) -> str:
    """Seconds as `2 h 04 min`, `4 min 05 s` or `5.1 s`, or a dash for a missing number."""
    if _missing(seconds):
        return DASH
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def listed(value: object) -> str:
    """A dict as `torch 2.13, numpy 2.4`, a list as `a; b`, another value as text, nothing as a dash."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {listed(inner)}" for key, inner in value.items()) or DASH
    if isinstance(value, list):
        return "; ".join(map(listed, value)) or DASH
    if isinstance(value, float):
        return fixed(value, ".6g")
    return DASH if value is None or value == "" else str(value)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer.reports"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=percent, fixed=fixed, duration=duration, listed=listed, png=_png, jpeg=_jpeg
    )
    return environment


def _png(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _jpeg(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
