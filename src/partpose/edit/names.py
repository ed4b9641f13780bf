"""The names that users give to parts: `names.json` in the run's folder, {"3": "torso", "4": "torso"}.

Several parts may share a name. In results every keypoint needs a name of its own, which `keypoint_names` makes of them.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.model.part_model import read_config
from partpose.model.shipped import resolve, to_change
from partpose.predict.onnx_model import is_onnx, onnx_names
from partpose.predict.poses import Poses, part_names

NAMES = "names.json"
LONGEST = 40
_USABLE = re.compile(r"[^\W\d_][\w .()'-]*")
_TAKEN = re.compile(r"all|part_?\d+", re.IGNORECASE)


def read_names(run: Path) -> dict[int, str]:
    """Part → name, as saved in a model's folder, in the order of the parts; empty where nothing has a name.

    Raises PartposeError where there is no model, or the file is broken or of another model.
    """
    try:
        content = json.loads((run / NAMES).read_text(encoding="utf-8"))
        return _checked({int(part): name for part, name in content.items()}, run)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PartposeError(f"{run / NAMES} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError):
        raise PartposeError(f'{run / NAMES} is broken, expected {{"3": "torso"}}: mend it or remove it') from None


def names_of(model: str | Path) -> dict[int, str]:
    """The same for a model named by its folder, as a shipped one, or by an ONNX file, which keeps those of its export."""
    return onnx_names(Path(model)) if is_onnx(model) else read_names(resolve(model))


def write_names(run: Path, names: Mapping[int, str]) -> dict[int, str]:
    """Save these names, and no others, in a model's folder; an empty name stands for none. Returns what was saved.

    Raises PartposeError where there is no model, for a shipped one, for parts that it has not, and for what can be no name:
    one begins with a letter, has at most 40 letters, digits, blanks and _ - . ( ) ', and is neither "all" nor like "part_3".
    """
    kept = _checked({part: name.strip() for part, name in names.items() if name.strip()}, to_change(run))
    with atomic(run / NAMES) as path:
        text = json.dumps({str(part): name for part, name in kept.items()}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return kept


def keypoint_names(names: Mapping[int, str], parts: int) -> tuple[str, ...]:
    """K different names: a part's own; with the part's number where others share it; "part_07" where it has none."""
    plain = part_names(parts)
    shared = Counter(name.casefold() for name in names.values())
    numbered = {k: f"{name}_{plain[k].removeprefix('part_')}" for k, name in names.items()}
    own = {k: name if shared[name.casefold()] == 1 else numbered[k] for k, name in names.items()}
    # A name may be what another becomes with its number
    taken = Counter(name.casefold() for name in own.values())
    return tuple(own[k] if k in own and taken[own[k].casefold()] == 1 else plain[k] for k in range(parts))


def named(poses: Poses, names: Mapping[int, str]) -> Poses:
    """The poses of parts, with the names that the user gave these."""
    return replace(poses, names=keypoint_names(names, len(poses.names))) if names else poses


def _checked(names: Mapping[int, str], run: Path) -> dict[int, str]:
    parts = read_config(run)[0].model.parts
    for part, name in names.items():
        if not 0 <= part < parts:
            raise PartposeError(f"there is no part {part} in {run}: expected 0 to {parts - 1}")
        if not _USABLE.fullmatch(name) or _TAKEN.fullmatch(name) or len(name) > LONGEST:
            raise PartposeError(
                f"part {part} cannot be called {name!r}: expected a letter, then letters, digits, blanks or _-.()', at most "
                f"{LONGEST} in all, and neither 'all' nor 'part_N'"
            )
    return dict(sorted(names.items()))
