"""`partpose serve`: the page on which a model can be tried."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number


def serve(
    model: str,
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8000,
    device: str | None = None,
) -> None:
    """Open the page of a model: see its parts on pictures, drag them, swap their looks, name them, download keypoints.

    Needs `pip install 'partpose[page]'`, and no network. Ctrl-C ends it, and removes what was uploaded.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    host
        The address to listen at; by default only this machine can reach the page.
    port
        Its port; 0 for any that is free.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.serve.start import serve_model

    serve_model(model, host, port, device)
