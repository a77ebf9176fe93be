"""The desk's pages. The library is synchronous, so every endpoint is a plain ``def``: FastAPI runs those in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

import remote_artwork as ra
from print_desk.desk import Desk, Settings
from print_desk.merchant_storage import Pasted
from print_desk.security import SafeHeaders, same_origin
from remote_artwork.errors import InvalidLocation

HERE = Path(__file__).parent
SEE_OTHER = 303

_PAGES = Jinja2Templates(
    env=Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application, set up by the environment unless told; ``uvicorn --factory`` calls it."""
    settings = settings or Settings.of()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = Desk.open(settings)
        yield
        app.state.desk.close()

    app = FastAPI(lifespan=life, dependencies=[Depends(same_origin)], openapi_url=None)
    app.add_middleware(SafeHeaders)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts))
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for path, method, endpoint in (
        ("/", "GET", front),
        ("/orders", "GET", orders),
        ("/scan", "POST", scan),
        ("/scan", "GET", scan_progress),
        ("/contact-sheet", "GET", contact_sheet),
        ("/storage", "GET", storage),
        ("/storage", "POST", check_and_save),
        ("/storage/recognized", "POST", recognized),
        ("/storage/check", "POST", check_again),
        ("/storage/forget", "POST", forget),
    ):
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    return app


def the_desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def pasted(
    url: Annotated[str, Form()] = "",
    access_key: Annotated[str, Form()] = "",
    secret_key: Annotated[str, Form()] = "",
) -> Pasted:
    """The form of the page Storage; what was left empty is none."""
    return Pasted(url, access_key.strip() or None, secret_key.strip() or None)


AtDesk = Annotated[Desk, Depends(the_desk)]
FromForm = Annotated[Pasted, Depends(pasted)]


def front() -> Response:
    return RedirectResponse("/orders", SEE_OTHER)


def orders(request: Request, desk: AtDesk) -> Response:
    shown = {
        "orders": desk.orders(),
        "running": desk.scans.running,
        "progress": desk.scans.progress.now,
        "trouble": () if desk.scans.running else desk.scans.trouble,
        "files": desk.scans.files,
        "storage": desk.storage.shown(),
        "sheet": desk.scans.sheet.exists(),
        "needs_person": {str(status) for status in ra.ItemStatus if status.needs_person},
    }
    return _PAGES.TemplateResponse(request, "orders.html.jinja", shown)


def scan(desk: AtDesk) -> Response:
    desk.scans.begin()
    return RedirectResponse("/orders", SEE_OTHER)


def scan_progress(desk: AtDesk) -> dict[str, str | int]:
    return {"running": desk.scans.running, **desk.scans.progress.told()}


def contact_sheet(desk: AtDesk) -> Response:
    """The page brings a policy of its own, by which only its own script runs."""
    if not desk.scans.sheet.exists():
        raise HTTPException(404, "There is no contact sheet yet. Scan first.")
    return FileResponse(desk.scans.sheet, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def storage(request: Request, desk: AtDesk) -> Response:
    return _storage_page(request, desk)


def check_and_save(request: Request, desk: AtDesk, pasted: FromForm) -> Response:
    report = desk.storage.check(pasted)
    if report.exit_code == 0:
        return RedirectResponse("/storage", SEE_OTHER)
    return _storage_page(request, desk, report.to_dict())


def check_again(desk: AtDesk) -> Response:
    desk.storage.check_again()
    return RedirectResponse("/storage", SEE_OTHER)


def forget(desk: AtDesk) -> Response:
    desk.storage.forget()
    return RedirectResponse("/storage", SEE_OTHER)


def recognized(request: Request, pasted: FromForm) -> Response:
    """What the URL is taken for, while it is typed in. Nobody is asked, so this is quick."""
    try:
        shown: dict[str, Any] = {"location": ra.Location.parse(pasted.url), "refusal": None}
    except InvalidLocation as error:
        shown = {"location": None, "refusal": str(error)}
    return _PAGES.TemplateResponse(request, "recognized.html.jinja", shown)


def _storage_page(request: Request, desk: Desk, failed: dict[str, Any] | None = None) -> Response:
    shown = {"storage": desk.storage.shown(), "failed": failed}
    status = 200 if failed is None else 422
    return _PAGES.TemplateResponse(request, "storage.html.jinja", shown, status_code=status)
