"""The page and its JSON API, thin: every route hands its request to the `Studio` in the network's thread."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from partpose.errors import PartposeError
from partpose.serve.guard import UPLOAD, Guard
from partpose.serve.lane import Lane
from partpose.serve.limits import Limits, Refusal
from partpose.serve.messages import TROUBLE, Model, Names, Picture, Rebuild, Trouble
from partpose.serve.reference import reference
from partpose.serve.scene import ORIGINAL
from partpose.serve.studio import Studio, discard
from partpose.version import __version__

STATIC = Path(__file__).parent / "static"
TIDY_EVERY = 30.0
TYPES = {"csv": "text/csv; charset=utf-8", "h5": "application/x-hdf5", "png": "image/png", "mp4": "video/mp4"}
ABOUT = """Everything that the page does. Pictures are uploaded one by one, and then go by their `id`; what is not used is
removed after a while. Coordinates are pixels of the original, after its rotation metadata; the centre of the top-left
pixel is (0, 0). What goes wrong is answered by `{"error": "…"}`."""


def _file(*types: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an answer that is a file."""
    content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in types}
    return {200: {"content": content, "description": "the file"}}


def create_app(studio: Studio, hosts: frozenset[str] | None = None) -> FastAPI:
    """The page of one model. hosts: names under which it may be asked for; None for any."""
    lane = Lane(studio.limits.waiting)

    @asynccontextmanager
    async def tidied(_: FastAPI) -> AsyncGenerator[None]:
        tidying = asyncio.create_task(_tidy(studio, lane))
        yield
        tidying.cancel()
        lane.close()

    app = FastAPI(
        title="partpose",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=tidied,
        responses={code: TROUBLE[code] for code in (422, 503)},
    )
    app.add_middleware(Guard, limits=studio.limits, hosts=hosts)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_pages(app)
    _add_model(app, studio, lane)
    _add_uploads(app, studio, lane)
    _add_pictures(app, studio, lane)
    _add_files(app, studio, lane)
    _add_troubles(app)
    return app


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference(app.openapi()))


def _add_model(app: FastAPI, studio: Studio, lane: Lane) -> None:
    @app.get("/api/model", tags=["model"])
    async def model() -> Model:
        """The model, the names and colours of its parts, and what the page takes."""
        return await lane.run(studio.about)

    @app.put("/api/names", tags=["model"])
    async def rename(names: Names) -> Model:
        """Save names of parts in the run, in place of those it had."""
        return await lane.run(studio.rename, names.names)


def _add_uploads(app: FastAPI, studio: Studio, lane: Lane) -> None:
    on_their_way: set[Path] = set()
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    answers = {
        413: {"model": Trouble, "description": "too many bytes, pixels or frames"},
        415: {"model": Trouble, "description": "no picture or video that can be read"},
    }

    @app.post(
        UPLOAD,
        status_code=201,
        tags=["pictures"],
        responses=answers,  # ty: ignore[invalid-argument-type]
        openapi_extra={"requestBody": {"content": content, "required": True}},
    )
    async def add(request: Request, name: Annotated[str, Query(max_length=300)] = "picture") -> Picture:
        """Upload a picture or a short video, the file itself as the body, and find its parts.

        `name` is what it is called in results. Of a video, frames are looked at that are spread evenly.
        """
        if len(on_their_way) >= studio.limits.uploads:
            raise Refusal(503, "too many files are on their way in: try again in a moment")
        folder = Path(tempfile.mkdtemp(dir=studio.folder))
        on_their_way.add(folder)
        try:
            await _receive(request, folder / ORIGINAL, studio.limits)
            return await lane.run(studio.add, folder, name)
        except BaseException:
            discard(folder)
            raise
        finally:
            on_their_way.discard(folder)


async def _receive(request: Request, path: Path, limits: Limits) -> None:
    """Write the body of a request to a file, as far as it is not too large and does not take too long."""
    chunks, received, began = aiter(request.stream()), 0, monotonic()
    with path.open("wb") as file, suppress(StopAsyncIteration):
        while True:
            try:
                chunk = await asyncio.wait_for(anext(chunks), limits.patience)
            except TimeoutError:
                raise Refusal(408, f"nothing came for {limits.patience:g} seconds") from None
            received += len(chunk)
            if monotonic() - began > limits.patience + received / limits.slowest:
                raise Refusal(408, f"less than {limits.slowest} bytes came a second")
            if received > limits.upload:
                raise Refusal(413, f"expected at most {limits.upload} bytes")
            file.write(chunk)


def _add_pictures(app: FastAPI, studio: Studio, lane: Lane) -> None:
    @app.delete("/api/pictures/{id}", status_code=204, tags=["pictures"], responses={404: TROUBLE[404]})
    async def remove(id: str) -> None:
        """Remove a picture and its files at once."""
        await lane.run(studio.remove, id)

    frame = "/api/pictures/{id}/frames/{frame}"
    answers = _file("image/png") | {404: TROUBLE[404]}

    @app.get(
        f"{frame}/picture",
        tags=["pictures"],
        response_class=Response,
        responses=answers | _file("image/png", "image/jpeg"),
    )
    async def picture(id: str, frame: int) -> Response:
        """The picture, or a frame of the video, upright and at most 1280 pixels long."""
        content, kind = await lane.run(studio.preview, id, frame)
        return Response(content, media_type=kind)

    @app.get(f"{frame}/maps", tags=["pictures"], response_class=Response, responses=answers)
    async def maps(id: str, frame: int) -> Response:
        """The part maps of the model's square: one grey PNG, one map above the other, each relative to its own peak."""
        return Response(await lane.run(studio.maps, id, frame), media_type="image/png")

    @app.post(f"{frame}/rebuilt", tags=["pictures"], response_class=Response, responses=answers)
    async def rebuilt(id: str, frame: int, changes: Annotated[Rebuild, Body(default_factory=Rebuild)]) -> Response:
        """The square as the generator rebuilds it, with parts moved, or in the looks of another picture."""
        return Response(await lane.run(studio.rebuilt, id, frame, changes), media_type="image/png")


def _add_files(app: FastAPI, studio: Studio, lane: Lane) -> None:
    tables = _file("text/csv", "application/x-hdf5") | {404: TROUBLE[404]}
    drawings = _file("image/png", "video/mp4") | {404: TROUBLE[404]}

    @app.get("/api/pictures/{id}/keypoints.{form}", tags=["files"], response_class=Response, responses=tables)
    async def keypoints(id: str, form: Literal["csv", "h5"]) -> Response:
        """The keypoints as the model found them, in the files that `partpose predict` writes."""
        return _download(*await lane.run(studio.table, id, form))

    @app.get("/api/pictures/{id}/overlay", tags=["files"], response_class=Response, responses=drawings)
    async def overlay(id: str, draw: Annotated[str, Query(max_length=80)] = "ellipses") -> Response:
        """The original with its parts drawn in. `draw`: any of ellipses,trails,names, with commas."""
        return _download(*await lane.run(studio.overlay, id, draw))


def _download(content: bytes, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers={"content-disposition": disposition})


async def _tidy(studio: Studio, lane: Lane) -> None:
    while True:
        await asyncio.sleep(TIDY_EVERY)
        with suppress(Refusal):
            await lane.run(studio.tidy)


def _add_troubles(app: FastAPI) -> None:
    @app.exception_handler(PartposeError)
    async def mistake(_: Request, error: PartposeError) -> JSONResponse:
        status = error.status if isinstance(error, Refusal) else 422
        return _trouble(status, " ".join(str(error).split()))

    @app.exception_handler(RequestValidationError)
    async def nonsense(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"] if step != "body")
        return _trouble(422, f"{where}: {first['msg']}" if where else first["msg"])

    @app.exception_handler(HTTPException)
    async def usual(_: Request, error: HTTPException) -> JSONResponse:
        return _trouble(error.status_code, str(error.detail))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, _error: ClientDisconnect) -> JSONResponse:
        return _trouble(400, "the file did not come whole")

    @app.exception_handler(OSError)
    async def full(_: Request, error: OSError) -> JSONResponse:
        return _trouble(507, f"the server cannot keep this: {error.strerror or error}")

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, _error: Exception) -> JSONResponse:
        return _trouble(500, "something went wrong here; the terminal says what")


def _trouble(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers={"retry-after": "1"} if status == 503 else None)
