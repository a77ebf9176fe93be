"""The pages. The library is synchronous, so each endpoint is a plain ``def``, which FastAPI runs in a thread."""

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
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

import remote_artwork as ra
from print_desk.desk import Desk, Settings
from print_desk.merchant_storage import Pasted
from print_desk.security import SafeHeaders, same_origin
from remote_artwork.errors import InvalidLocation, NotificationError, NotificationRefused
from remote_artwork.notifications.receiving import MAX_BYTES

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
    """Create the application. ``uvicorn --factory`` calls this. The default settings come from the environment."""
    settings = settings or Settings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = Desk.open(settings)
        yield
        app.state.desk.close()

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(same_origin)], openapi_url=None)
    app.add_middleware(SafeHeaders)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts))
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for path, method, endpoint in (
        ("/", "GET", front),
        ("/orders", "GET", orders),
        ("/orders/accept", "POST", accept),
        ("/scan", "POST", scan),
        ("/scan", "GET", scan_progress),
        ("/contact-sheet", "GET", contact_sheet),
        ("/storage", "GET", storage),
        ("/storage", "POST", check_and_save),
        ("/storage/recognized", "POST", recognized),
        ("/storage/check", "POST", check_again),
        ("/storage/delete", "POST", delete_storage),
        ("/notifications/{sender}", "POST", notified),
    ):
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    return app


def current_desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def pasted(
    url: Annotated[str, Form()] = "",
    access_key: Annotated[str, Form()] = "",
    secret_key: Annotated[str, Form()] = "",
) -> Pasted:
    """Read the form of the page Storage. An empty key is None."""
    return Pasted(url, access_key.strip() or None, secret_key.strip() or None)


CurrentDesk = Annotated[Desk, Depends(current_desk)]
FromForm = Annotated[Pasted, Depends(pasted)]


def signed_in_user(request: Request, desk: CurrentDesk) -> str:
    """Read the name of the user, as the login in front of the desk gives it. Empty: nobody is signed in."""
    return request.headers.get(desk.user_header, "").strip() if desk.user_header else ""


User = Annotated[str, Depends(signed_in_user)]


def front() -> Response:
    return RedirectResponse("/orders", SEE_OTHER)


def orders(request: Request, desk: CurrentDesk, user: User) -> Response:
    context = {
        "orders": desk.orders(),
        "running": desk.scans.running,
        "progress": desk.scans.progress.current,
        "errors": () if desk.scans.running else desk.scans.errors,
        "changes": desk.scans.changes,
        "files": desk.scans.unmatched_files,
        "storage": desk.storage.summary(),
        "sheet": desk.scans.sheet.exists(),
        "reviews": desk.scans.reviews,
        "token": desk.tokens.of(user) if user else "",
    }
    return _PAGES.TemplateResponse(request, "orders.html.jinja", context)


def accept(
    desk: CurrentDesk,
    user: User,
    order_id: Annotated[str, Form()] = "",
    files: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "",
) -> Response:
    """Accept the files of an order: those that the user has seen, by their digest."""
    if not user:
        raise HTTPException(403, "Sign in to accept files.")
    desk.tokens.require(user, token)
    try:
        desk.scans.accept(order_id, files=files, by=user)
    except ra.RemoteArtworkError as error:
        raise HTTPException(409, f"The files were not accepted: {error}") from error
    return RedirectResponse("/orders", SEE_OTHER)


def scan(desk: CurrentDesk) -> Response:
    desk.scans.start()
    return RedirectResponse("/orders", SEE_OTHER)


def scan_progress(desk: CurrentDesk) -> dict[str, str | int]:
    return {"running": desk.scans.running, **desk.scans.progress.to_dict()}


def contact_sheet(desk: CurrentDesk) -> Response:
    """The contact sheet contains its own Content-Security-Policy, which allows only its own script."""
    if not desk.scans.sheet.exists():
        raise HTTPException(404, "There is no contact sheet yet. Scan first.")
    return FileResponse(desk.scans.sheet, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def storage(request: Request, desk: CurrentDesk) -> Response:
    return _storage_page(request, desk)


def check_and_save(request: Request, desk: CurrentDesk, pasted: FromForm) -> Response:
    report = desk.storage.check(pasted)
    if report.exit_code == 0:
        return RedirectResponse("/storage", SEE_OTHER)
    return _storage_page(request, desk, report.to_dict())


def check_again(desk: CurrentDesk) -> Response:
    desk.storage.check_again()
    return RedirectResponse("/storage", SEE_OTHER)


def delete_storage(desk: CurrentDesk) -> Response:
    desk.storage.delete()
    return RedirectResponse("/storage", SEE_OTHER)


def recognized(request: Request, pasted: FromForm) -> Response:
    """Show what the URL is recognized as while the merchant types. This makes no request."""
    try:
        context: dict[str, Any] = {"location": ra.Location.parse(pasted.url), "refusal": None}
    except InvalidLocation as error:
        context = {"location": None, "refusal": str(error)}
    return _PAGES.TemplateResponse(request, "recognized.html.jinja", context)


async def notified(request: Request, desk: CurrentDesk, sender: str) -> dict[str, Any]:
    """Receive a notification of the storage. The only async endpoint, because it needs the raw body."""
    body = await _limited_body(request)
    try:
        received = await run_in_threadpool(desk.uploads.receive, sender, body, dict(request.headers))
    except NotificationRefused as error:
        raise HTTPException(401, str(error)) from error
    except NotificationError as error:
        raise HTTPException(400, str(error)) from error
    if received is None:
        raise HTTPException(404, "There is no such sender, or PRINT_DESK_NOTIFICATION_SECRET is not set.")
    return dict(received.response or {})


async def _limited_body(request: Request) -> bytes:
    """The body of a request from anybody: it is not read to its end if it is too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"At most {MAX_BYTES:,} bytes are read.")
    return bytes(body)


def _storage_page(request: Request, desk: Desk, failed: dict[str, Any] | None = None) -> Response:
    context = {"storage": desk.storage.summary(), "failed": failed}
    status = 200 if failed is None else 422
    return _PAGES.TemplateResponse(request, "storage.html.jinja", context, status_code=status)
