"""partpose: label-free pose estimation.

import partpose
model = partpose.load("runs/demo")
poses = model.predict("clip.mp4")
poses.mean, poses.covariance, poses.confidence      # pixels of the original file
"""

import os

# With OpenMP's busy waiting two processes on the same cores slow each other down 10-20 times; it is read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from partpose.version import __version__

__all__ = ["PartposeError", "Poses", "__version__", "load"]


def __getattr__(name: str):
    """Import the public names on first use, so that `import partpose` does not pay for torch."""
    if name == "load":
        from partpose.predict.predictor import load

        return load
    if name == "Poses":
        from partpose.predict.poses import Poses

        return Poses
    if name == "PartposeError":
        from partpose.errors import PartposeError

        return PartposeError
    raise AttributeError(f"module 'partpose' has no attribute {name!r}")
