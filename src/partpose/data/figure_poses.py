"""How a figure stands: joint angles within human limits, and the 3-D skeleton that they give.

Body axes: x to the person's left, y up, z to the front; a person who faces the viewer has the left hand on the right of the
picture. Angles are in degrees; all zero is standing upright with hanging arms.
"""

from math import cos, radians, sin
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from partpose.data.figure_people import Build

JOINTS = (
    *("head", "neck", "pelvis"),
    *("left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee", "left_ankle"),
    *("right_shoulder", "right_elbow", "right_wrist", "right_hip", "right_knee", "right_ankle"),
)
FLIP_PAIRS = tuple((i, i + 6) for i in range(3, 9))
SKELETON = tuple(
    (JOINTS.index(a), JOINTS.index(b))
    for a, b in (
        ("head", "neck"),
        ("neck", "pelvis"),
        *(
            (a.format(s), b.format(s))
            for s in ("left", "right")
            for a, b in (
                ("neck", "{}_shoulder"),
                ("{}_shoulder", "{}_elbow"),
                ("{}_elbow", "{}_wrist"),
                ("pelvis", "{}_hip"),
                ("{}_hip", "{}_knee"),
                ("{}_knee", "{}_ankle"),
            )
        ),
    )
)


class Arm(NamedTuple):
    """flex: forward; abduct: away from the side; twist: outward about the upper arm; elbow: 0 is straight."""

    flex: float
    abduct: float
    twist: float
    elbow: float


class Leg(NamedTuple):
    """flex: forward; abduct: away from the middle; knee: 0 is straight."""

    flex: float
    abduct: float
    knee: float


class Trunk(NamedTuple):
    """yaw: the body's turn to its left; lean: forward; tilt: to the left; twist: of the chest over the pelvis;
    nod, turn: of the head, down and to the left."""

    yaw: float
    lean: float
    tilt: float
    twist: float
    nod: float
    turn: float


class Pose(NamedTuple):
    """All joint angles, in degrees."""

    trunk: Trunk
    left_arm: Arm
    right_arm: Arm
    left_leg: Leg
    right_leg: Leg


class Skeleton(NamedTuple):
    """A posed body in units of its height, turned to the viewer's axes (x right, y up, z to the viewer).

    joints: (15, 3), in the order of `JOINTS`.  hands, toes: (2, 3), the tips, left then right.
    head, chest, pelvis: (3, 3), each one's own axes as columns.
    """

    joints: NDArray
    hands: NDArray
    toes: NDArray
    head: NDArray
    chest: NDArray
    pelvis: NDArray


# (smallest, largest) of every angle, in the order of its tuple
TRUNK_LIMITS = ((-40, 40), (-15, 55), (-28, 28), (-30, 30), (-25, 35), (-55, 55))
ARM_LIMITS = ((-45, 175), (0, 170), (-75, 95), (0, 145))
LEG_LIMITS = ((-28, 110), (-8, 45), (0, 135))
LIMITS = np.array((*TRUNK_LIMITS, *2 * ARM_LIMITS, *2 * LEG_LIMITS), np.float64).T

HANGING, STRAIGHT = Arm(4, 11, -10, 16), Leg(1, 4, 4)
UPRIGHT = Trunk(0, 2, 0, 0, 3, 0)

# One side is the left; half of the poses are drawn mirrored.
FAMILIES = {
    "standing": Pose(UPRIGHT, HANGING, HANGING, STRAIGHT, STRAIGHT),
    "walking": Pose(Trunk(0, 5, 0, 8, 3, 0), Arm(-28, 8, -10, 22), Arm(32, 8, -15, 38), Leg(30, 3, 10), Leg(-16, 3, 26)),
    "striding": Pose(Trunk(0, 12, 0, 12, 0, 0), Arm(-35, 10, 0, 75), Arm(45, 10, -15, 90), Leg(58, 5, 55), Leg(-22, 4, 48)),
    "waving": Pose(UPRIGHT, Arm(5, 82, 82, 75), HANGING, STRAIGHT, STRAIGHT),
    "cheering": Pose(UPRIGHT, Arm(8, 138, 40, 28), Arm(8, 138, 40, 28), Leg(2, 9, 6), Leg(2, 9, 6)),
    "stretching": Pose(UPRIGHT, Arm(10, 92, 20, 10), Arm(10, 92, 20, 10), Leg(0, 16, 3), Leg(0, 16, 3)),
    "reaching": Pose(Trunk(0, 14, 0, -10, 0, 0), Arm(88, 12, 0, 14), HANGING, Leg(22, 5, 22), Leg(-10, 5, 10)),
    "pointing": Pose(Trunk(0, 2, 0, 0, 0, 25), Arm(20, 90, 10, 8), HANGING, STRAIGHT, Leg(4, 10, 10)),
    "akimbo": Pose(UPRIGHT, Arm(-18, 48, -58, 100), Arm(-18, 48, -58, 100), Leg(0, 9, 3), Leg(0, 9, 3)),
    "thinking": Pose(UPRIGHT, Arm(45, 8, -30, 128), Arm(25, 8, -60, 92), STRAIGHT, Leg(6, 7, 14)),
    "crouching": Pose(Trunk(0, 26, 0, 0, -8, 0), Arm(55, 18, -15, 45), Arm(55, 18, -15, 45), Leg(74, 20, 96), Leg(74, 20, 96)),
    "lunging": Pose(Trunk(0, 10, 0, 0, 0, 0), Arm(40, 25, 0, 40), Arm(-20, 25, 0, 40), Leg(66, 14, 76), Leg(-16, 8, 28)),
    "bending": Pose(Trunk(0, 4, 22, 0, 0, 0), Arm(0, 20, 0, 15), Arm(10, 140, 30, 30), Leg(0, 13, 4), Leg(0, 13, 4)),
    "jumping": Pose(UPRIGHT, Arm(5, 118, 20, 15), Arm(5, 118, 20, 15), Leg(4, 30, 8), Leg(4, 30, 8)),
    "kicking": Pose(Trunk(0, -8, 0, 8, 8, 0), Arm(-20, 45, 0, 25), Arm(40, 45, 0, 30), Leg(72, 8, 12), Leg(-8, 4, 14)),
    "climbing": Pose(UPRIGHT, Arm(150, 12, -10, 25), Arm(50, 15, -10, 70), Leg(78, 20, 92), Leg(-2, 8, 6)),
    "balancing": Pose(UPRIGHT, Arm(10, 68, 0, 22), Arm(10, 68, 0, 22), Leg(72, 16, 96), STRAIGHT),
}  # fmt: skip
# How far all 20 angles of a pose stray from their family's
SPREAD = (*Trunk(0, 4, 5, 6, 5, 12), *(2 * Arm(10, 14, 12, 12)), *(2 * Leg(8, 5, 8)))


def draw_pose(rng: Generator) -> Pose:
    """One random pose: a family's, loosened within the limits of the joints, mirrored half of the time and turned."""
    names = list(FAMILIES)
    family = FAMILIES[names[int(rng.integers(len(names)))]]
    angles = np.clip(rng.normal([angle for limb in family for angle in limb], SPREAD), *LIMITS).tolist()
    pose = Pose(Trunk(*angles[:6]), Arm(*angles[6:10]), Arm(*angles[10:14]), Leg(*angles[14:17]), Leg(*angles[17:]))
    pose = mirror(pose) if rng.random() < 0.5 else pose
    return pose._replace(trunk=pose.trunk._replace(yaw=float(rng.uniform(*TRUNK_LIMITS[0]))))


def mirror(pose: Pose) -> Pose:
    """The same pose with left and right exchanged."""
    yaw, lean, tilt, twist, nod, turn = pose.trunk
    return Pose(
        Trunk(-yaw, lean, -tilt, -twist, nod, -turn), pose.right_arm, pose.left_arm, pose.right_leg, pose.left_leg
    )


def build_skeleton(build: Build, pose: Pose, pitch: float = 0.0) -> Skeleton:
    """Pose a body; `pitch` is how far the viewer looks down on it, in degrees. The pelvis is the origin."""
    trunk = pose.trunk
    pelvis = turn_x(pitch) @ turn_y(trunk.yaw) @ turn_z(-0.4 * trunk.tilt) @ turn_x(0.4 * trunk.lean)
    chest = pelvis @ turn_y(trunk.twist) @ turn_z(-0.6 * trunk.tilt) @ turn_x(0.6 * trunk.lean)
    head = chest @ turn_y(trunk.turn) @ turn_x(trunk.nod)
    neck = build.torso * (0.35 * pelvis[:, 1] + 0.65 * chest[:, 1])
    left_arm = _arm(build, chest, neck, pose.left_arm, 1)
    right_arm = _arm(build, chest, neck, pose.right_arm, -1)
    left_leg = _leg(build, pelvis, pose.left_leg, 1)
    right_leg = _leg(build, pelvis, pose.right_leg, -1)
    skull = neck + build.neck * (0.4 * chest[:, 1] + 0.6 * head[:, 1])
    joints = [skull, neck, np.zeros(3), *left_arm[:3], *left_leg[:3], *right_arm[:3], *right_leg[:3]]
    hands, toes = np.array([left_arm[3], right_arm[3]]), np.array([left_leg[3], right_leg[3]])
    return Skeleton(np.array(joints), hands, toes, head, chest, pelvis)


def _arm(build: Build, chest: NDArray, neck: NDArray, arm: Arm, side: int) -> tuple[NDArray, ...]:
    """Shoulder, elbow, wrist and the tip of the hand; side is 1 on the left, -1 on the right."""
    # A raised arm lifts its shoulder.
    lift = 0.035 * sin(radians(max(arm.abduct, arm.flex, 0) / 2)) - 0.018
    shoulder = neck + chest @ np.array([side * build.shoulder, lift, 0])
    upper = chest @ turn_z(side * arm.abduct) @ turn_x(-arm.flex) @ turn_y(side * arm.twist)
    lower = upper @ turn_x(-arm.elbow)
    elbow = shoulder - build.upper_arm * upper[:, 1]
    wrist = elbow - build.forearm * lower[:, 1]
    return shoulder, elbow, wrist, wrist - 0.045 * lower[:, 1]


def _leg(build: Build, pelvis: NDArray, leg: Leg, side: int) -> tuple[NDArray, ...]:
    """Hip, knee, ankle and the tip of the foot; side is 1 on the left, -1 on the right."""
    hip = pelvis @ np.array([side * build.hip, -0.012, 0])
    # Feet point a little outward, and the knees with them.
    upper = pelvis @ turn_z(side * leg.abduct) @ turn_x(-leg.flex) @ turn_y(side * (8 + 0.4 * leg.abduct))
    lower = upper @ turn_x(leg.knee)
    knee = hip - build.thigh * upper[:, 1]
    ankle = knee - build.shin * lower[:, 1]
    # The sole stays flat under a leg that stands, and hangs with the shin of one that is lifted.
    foot = upper @ turn_x(max(leg.flex, 0.45 * leg.knee)) if leg.flex > 0 else lower @ turn_x(-0.5 * leg.knee)
    return hip, knee, ankle, ankle + foot @ np.array([0, -0.028, 0.085])


def turn_x(degrees: float) -> NDArray:
    """(3, 3), a turn about x: y towards z."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array(((1, 0, 0), (0, c, -s), (0, s, c)))


def turn_y(degrees: float) -> NDArray:
    """(3, 3), a turn about y: z towards x."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array(((c, 0, s), (0, 1, 0), (-s, 0, c)))


def turn_z(degrees: float) -> NDArray:
    """(3, 3), a turn about z: x towards y."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array(((c, -s, 0), (s, c, 0), (0, 0, 1)))
