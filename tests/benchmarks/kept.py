"""What the runs of benchmarks keep."""

from partpose.config import load_preset


def result(**changes) -> dict:
    """What a run keeps."""
    about = {"set": "figures-plain", "preset": "figures", "choice": "as-it-is", "machine": "2 CPU cores", "seed": 0}
    numbers = {"budget": "10 minutes", "error": 1.5, "error_low": 1.4, "error_high": 1.6, "mean_pose_error": 9.65}
    more = {"untrained_error": 6.0, "unit": "% of short side", "pictures_seen": 40000, "parts": 24, "size": 64}
    settings = {"settings": load_preset("figures").model_dump(mode="json")}
    return about | numbers | more | settings | {"alive": 24, "doubled": 0, "static": 0} | changes
