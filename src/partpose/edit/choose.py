"""Which parts are meant: by number, by name, or by the region of the body that they lie in."""

import re
from collections.abc import Mapping

from partpose.errors import PartposeError
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.poses import part_names

REGIONS = {
    "head": ("head", "face", "nose", "eye", "ear", "mouth", "chin", "jaw", "brow", "forehead", "skull", "snout", "muzzle"),
    "torso": ("torso", "body", "trunk", "neck", "shoulder", "chest", "thorax", "spine", "back", "belly", "pelvis", "hip"),
    "arm": ("arm", "elbow", "wrist", "hand", "finger", "thumb"),
    "leg": ("leg", "knee", "ankle", "foot", "heel", "toe"),
}  # fmt: skip
"""Words of names that belong to a region's."""
LISTED = 20
"""So many names are listed in an error."""


def choose_parts(
    words: str, parts: int, names: Mapping[int, str] | None = None, landmarks: LandmarkMap | None = None
) -> list[int]:
    """The numbers of the parts that are meant, rising: "all", "3,4,7", "3-7", "part_03", "torso", "left arm,head".

    A word is looked for among `names`, which the user gave, as it is; then in them, and then, with a landmark map, in the
    landmark that each part lay nearest to (`LandmarkMap.nearest`): "left arm" means every part whose name, or landmark, has
    these words, or words of these regions (`REGIONS`). Upper and lower case, blanks and underscores count as the same.

    Raises PartposeError, with what is known, for a part or a word that is not, and where a region has no part.
    """
    names, near = names or {}, {} if landmarks is None else _landmarks_of(landmarks)
    chosen: set[int] = set()
    for word in (piece.strip() for piece in words.split(",")):
        found = _numbered(word, parts) or [part for part, name in names.items() if _words(name) == _words(word)]
        found = found or _called(word, names) or _called(word, near)
        if not found:
            raise PartposeError(_unknown(word, parts, names, near))
        chosen.update(found)
    return sorted(chosen)


def _numbered(word: str, parts: int) -> list[int]:
    """Parts by number, by plain name, or in a range; none for any other word."""
    if word.casefold() == "all":
        return list(range(parts))
    plain = {name: k for k, name in enumerate(part_names(parts))}
    match = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", word)
    if match is None:
        return [plain[word.casefold()]] if word.casefold() in plain else []
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < parts:
        raise PartposeError(f"there is no part {word}: expected numbers from 0 to {parts - 1}, ranges as 3-7")
    return list(range(first, last + 1))


def _landmarks_of(landmarks: LandmarkMap) -> dict[int, str]:
    """Part → the landmark that it is nearest to."""
    if not landmarks.nearest:
        raise PartposeError(
            "this landmark map was kept before maps knew their parts' nearest landmarks: keep it anew with "
            "`partpose evaluate --save-landmarks`"
        )
    return {part: landmarks.names[j] for part, j in enumerate(landmarks.nearest)}


def _called(word: str, names: Mapping[int, str]) -> list[int]:
    """The parts whose names have all the words, or words of their regions."""
    wanted = [_region(one) for one in _words(word)]
    return [part for part, name in names.items() if wanted and all(one & set(_words(name)) for one in wanted)]


def _region(word: str) -> set[str]:
    """Words of names that one word stands for; also of a plural: arms, feet."""
    word = {"feet": "foot"}.get(word, word)
    single = word.removesuffix("s")
    return {word, single, *REGIONS.get(single, ())}


def _words(name: str) -> tuple[str, ...]:
    """Left_Wrist and leftWrist → (left, wrist); digits are apart, so that eye2 is an eye."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return tuple(re.findall(r"[^\W\d_]+|\d+", apart.casefold()))


def _unknown(word: str, parts: int, names: Mapping[int, str], near: Mapping[int, str]) -> str:
    known = [f"all, 0 to {parts - 1}"]
    if names:
        known.append(f"the names {_list(names)}")
    if near:
        known.append(f"the landmarks that parts are nearest to: {_list(near)}; and the regions {', '.join(REGIONS)}")
    if len(known) == 1:
        known.append("names once `partpose name` has given some, regions such as torso with --landmarks MAP")
    return f"no part is called {word!r}; known are {'; '.join(known)}"


def _list(names: Mapping[int, str]) -> str:
    """Each name once; of very many the first ones."""
    different = list(dict.fromkeys(names.values()))
    more = [f"… ({len(different) - LISTED} more)"] if len(different) > LISTED else []
    return ", ".join([*different[:LISTED], *more])
