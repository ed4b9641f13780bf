"""Write docs/settings.md from the settings themselves: python docs/settings.py"""

from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from partpose.config import Settings, load_preset, presets

PAGE = Path(__file__).with_name("settings.md")
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
HEAD = """# Settings

This page is written by `python docs/settings.py`; a test keeps it true.

Every setting has a default, a preset changes some of them, and what you name yourself wins. Without `--preset` a training
takes `figures`; a file of your own in its place changes the defaults on this page, not those of a preset. Settings can be given

- on the command line: `--model.parts 16 --train.learning-rate 1e-3`; what is true or false is `--transform.keep-inside` or
  `--transform.no-keep-inside`
- in a YAML file of your own, given as `--preset my.yaml`, with as many or as few of them as you like:

```yaml
model: {parts: 16, size: 96}
train: {minutes: 20}
```

An unknown key is refused, and the nearest known one is named. A training's settings are kept in its folder (`config.json`).
Who names only one of `train.steps` and `train.minutes` takes the other bound away.
"""


def render() -> str:
    """The whole page."""
    sections = [_section(name, field) for name, field in Settings.model_fields.items()]
    shown = [_preset(name) for name in presets()]
    return "\n".join([HEAD, *sections, "## Presets\n", "What each of them changes.\n", *shown])


def _section(name: str, field: Any) -> str:
    settings = field.annotation
    rows = ["| setting | default | allowed | what it is |", "|---|---|---|---|"]
    for key, one in settings.model_fields.items():
        meaning = " ".join((one.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}.{key}` | `{_plain(one.default)}` | {_allowed(one)} | {meaning} |")
    about = " ".join((settings.__doc__ or "").split())
    return "\n".join([f"## {name}\n", about + "\n", *rows, ""])


def _allowed(field: Any) -> str:
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (UnionType, Union) else (field.annotation,)
    words = [_kind(kind) for kind in kinds if kind is not type(None)]
    limits = [*field.metadata, *(one for kind in kinds for one in getattr(kind, "__metadata__", ()))]
    # pydantic keeps the limits of an optional setting within its kinds
    limits = [part for one in limits for part in getattr(one, "metadata", [one])]
    signs = [f"{sign} {getattr(one, name):g}" for one in limits for name, sign in SIGNS.items() if hasattr(one, name)]
    return " ".join([*words, ", ".join(signs)]).strip() + (", or `none`" if type(None) in kinds else "")


def _kind(kind: Any) -> str:
    kind = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    return {int: "whole number", float: "number", bool: "`true`, `false`", str: "text"}[kind]


def _preset(name: str) -> str:
    text = (resources.files("partpose") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    about = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    defaults, chosen = Settings().model_dump(), load_preset(name).model_dump()
    changed = [
        f"`{section}.{key} {_plain(value)}`"
        for section, values in chosen.items()
        for key, value in values.items()
        if value != defaults[section][key]
    ]
    return f"### {name}\n\n{about}\n\n{', '.join(changed) or 'The defaults.'}\n"


def _plain(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
