"""`partpose serve`: load the model, take the port, and stay until told to end."""

import ipaddress
import logging
import socket
import sys
import tempfile
from pathlib import Path

from partpose.config import Settings
from partpose.errors import PartposeError

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def serve_model(model: str, host: str = "127.0.0.1", port: int = 8000, device: str | None = None) -> None:
    """Serve the page of a model until SIGINT or SIGTERM. port: 0 for any that is free.

    Raises:
        PartposeError: where there is no such model, the port is taken, or the extra is not installed.
    """
    try:
        import uvicorn

        from partpose.serve.app import create_app
    except ImportError as error:
        raise PartposeError(f"the page needs {error.name}: pip install 'partpose[page]'") from None
    from partpose.edit.names import read_names
    from partpose.model.shipped import resolve
    from partpose.predict.predictor import load
    from partpose.serve.limits import Limits
    from partpose.serve.studio import Studio

    run = resolve(model)
    predictor = load(model, device)
    read_names(run)  # a broken file is said here, not on the page
    listener, local = listen(host, port), is_local(host)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    with listener, tempfile.TemporaryDirectory(prefix="partpose-page-") as folder:
        studio = Studio(predictor, run, Path(folder), Limits())
        hosts = LOCAL | {host.lower()} if local else None
        config = uvicorn.Config(
            create_app(studio, hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
        warn_of_boxes(predictor.settings)
        _announce(model, listener, host, local)
        uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound and listens. Raises PartposeError where the host or the port cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise PartposeError(f"--host {host} is no address of this machine: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        hint = "choose another --port, or 0 for any that is free"
        raise PartposeError(f"cannot serve on {host} port {port}: {error.strerror}; {hint}") from None
    return listener


def is_local(host: str) -> bool:
    """Whether only this machine itself can reach that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def warn_of_boxes(settings: Settings) -> None:
    """Say what a model expects that has learned from objects that were cut out."""
    if settings.data.boxes is not None:
        print(
            "warning: the model was trained in boxes, and the page looks at whole pictures: cut them to the object first",
            file=sys.stderr,
        )


def _announce(model: str, listener: socket.socket, host: str, local: bool) -> None:
    port = listener.getsockname()[1]
    if not local:
        print(
            f"warning: whoever can reach this machine can use the page, and rename the parts of {model}: "
            "leave out --host to keep it to yourself",
            file=sys.stderr,
        )
    name = f"[{host}]" if ":" in host else host
    print(f"the page of {model}: http://{name}:{port}/ (its API: /docs; Ctrl-C ends it)", flush=True)
