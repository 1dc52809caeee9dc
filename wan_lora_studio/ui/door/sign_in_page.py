"""The page where users sign in, and the addresses for sign-ins and tokens of one's own."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from lora_ui.http import ErrorRoute
from wan_lora_studio.accounts import Account, Audit, Role
from wan_lora_studio.errors import RequestError
from wan_lora_studio.texts import say
from wan_lora_studio.ui.door.identity import COOKIE, OWNER, GuessedTooOften, Identities, cookie_of
from wan_lora_studio.ui.static import TITLE

ADDRESS = "/sign-in"
MOST_FORM = 8192  # bytes
MOST_LINES = 5000  # of the audit in one answer
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ display: grid; place-items: center; min-height: 100vh; margin: 0; }}
form {{ display: grid; gap: 0.75rem; width: min(20rem, 90vw); }}
h1 {{ font-size: 1.25rem; margin: 0 0 0.5rem; }}
input, button {{ font: inherit; padding: 0.5rem 0.75rem; border: 1px solid #8888; }}
input, button {{ border-radius: 0.5rem; width: 100%; box-sizing: border-box; }}
button {{ background: #0f766e; color: #fff; border: 0; cursor: pointer; }}
label {{ display: grid; gap: 0.25rem; }}
p {{ margin: 0; color: light-dark(#b42318, #fda29b); }}
</style>
<form method="post">
<h1>{heading}</h1>
{problem}
<label>{name}<input name="name" autocomplete="username" required autofocus></label>
<label>{password}<input name="password" type="password" autocomplete="current-password" required>
</label>
<button>{enter}</button>
</form>
</html>
"""


class Me(BaseModel):
    """Who is signed in. `name` is empty where no login is asked for."""

    name: str
    role: Role
    signs_in: bool


class NewToken(BaseModel):
    called: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role = "viewer"


def create_sign_in_router(identities: Identities, audit: Audit | None = None) -> APIRouter:
    """Everything about one's own sign-ins and tokens; for admins the users and the audit."""
    router = APIRouter(route_class=ErrorRoute, tags=["accounts"])
    _add_page(router, identities, audit)
    _add_own(router, identities)
    _add_audit(router, audit)
    return router


def _add_audit(router: APIRouter, audit: Audit | None) -> None:
    @router.get("/api/audit", summary="Who did what, the newest first")
    def lines(limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 200) -> list[dict[str, Any]]:
        return [dict(line) for line in audit.last(limit)] if audit else []


def _add_page(router: APIRouter, identities: Identities, audit: Audit | None) -> None:
    @router.get(ADDRESS, include_in_schema=False)
    def page(request: Request) -> Response:
        if not identities.with_page:
            return RedirectResponse(_home(request), 303)
        return _page()

    @router.post(ADDRESS, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        users, sign_ins = identities.users, identities.sign_ins
        if users is None or sign_ins is None or not identities.with_page:
            return RedirectResponse(_home(request), 303)
        fields = parse_qs((await request.body())[:MOST_FORM].decode(errors="replace"))
        name, password = (fields.get(field, [""])[0] for field in ("name", "password"))
        visitor = request.client.host if request.client else "unknown"
        try:
            account = await identities.signed_in(name, password, visitor)
        except GuessedTooOften as error:
            headers = {"retry-after": str(error.seconds)}
            return _page(say("ui.door.guessed", count=error.seconds), 429, headers)
        if audit is not None:
            audit.note(name, visitor, "signed in" if account else "failed to sign in")
        if account is None:
            return _page(say("ui.door.wrong"), 403)
        agent = request.headers.get("user-agent", "")
        answer = RedirectResponse(_home(request), 303)
        answer.set_cookie(
            COOKIE,
            sign_ins.begin(account.name, f"{visitor} {agent}"),
            max_age=14 * 24 * 3600,
            path=f"{request.scope.get('root_path', '').rstrip('/')}/",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post("/api/sign-out", summary="End this browser's sign-in")
    def sign_out(request: Request) -> Response:
        if identities.sign_ins is not None:
            identities.sign_ins.end(cookie_of(request.headers))
        answer = JSONResponse({"ok": True})
        answer.delete_cookie(COOKIE, path=f"{request.scope.get('root_path', '').rstrip('/')}/")
        return answer


def _add_own(router: APIRouter, identities: Identities) -> None:
    @router.get("/api/me", summary="Who is signed in")
    def me(request: Request) -> Me:
        found = account_of(request)
        return Me(name=found.name, role=found.role, signs_in=identities.with_page)

    @router.get("/api/sign-ins", summary="The browsers that you are signed in with")
    def sign_ins(request: Request) -> list[dict[str, Any]]:
        if identities.sign_ins is None:
            return []
        found = identities.sign_ins.of(account_of(request).name)
        return [
            {"key": one.key, "since": one.since, "used": one.used, "from": one.from_where}
            for one in found
        ]

    @router.delete("/api/sign-ins/{key}", summary="End one of your sign-ins")
    def end(request: Request, key: str) -> dict[str, bool]:
        name = account_of(request).name
        if identities.sign_ins is None or not identities.sign_ins.end_of(name, key):
            raise RequestError(say("ui.door.revoked"), context={"status": 404})
        return {"ok": True}

    @router.get("/api/tokens", summary="Your API tokens")
    def tokens(request: Request) -> list[dict[str, Any]]:
        name = account_of(request).name
        if identities.users is None or not identities.with_page:
            return []
        return [
            {"key": key, "called": token.called, "role": token.role, "since": token.since}
            for key, token in identities.users.tokens().items()
            if token.user == name
        ]

    @router.post("/api/tokens", summary="Make an API token; it is shown this once")
    def add(request: Request, wanted: NewToken) -> dict[str, str]:
        account = account_of(request)
        if identities.users is None or not identities.with_page:
            raise RequestError(say("ui.door.revoked"), context={"status": 404})
        key, token = identities.users.add_token(account.name, wanted.called, wanted.role)
        return {"key": key, "token": token}

    @router.delete("/api/tokens/{key}", summary="Take one of your API tokens back")
    def remove(request: Request, key: str) -> dict[str, bool]:
        name = account_of(request).name
        if identities.users is None or not identities.users.remove_token(key, name):
            raise RequestError(say("ui.door.revoked"), context={"status": 404})
        return {"ok": True}

    @router.get("/api/users", summary="Who may sign in")
    def users() -> list[dict[str, Any]]:
        if identities.users is None or not identities.with_page:
            return []
        found = identities.users.users()
        return [{"name": n, "role": user.role, "since": user.since} for n, user in found.items()]


def account_of(request: Request) -> Account:
    """Who asked; the guard has found it out."""
    found = request.scope.get("state", {}).get("account")
    return found if isinstance(found, Account) else OWNER


def _home(request: Request) -> str:
    return f"{quote(request.scope.get('root_path', '').rstrip('/'))}/"


def _page(
    problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    text = PAGE.format(
        title=escape(f"{say('ui.door.title')} · {TITLE}"),
        heading=escape(TITLE),
        problem=f'<p role="alert">{escape(problem)}</p>' if problem else "",
        name=escape(say("ui.door.name")),
        password=escape(say("ui.door.password")),
        enter=escape(say("ui.door.enter")),
    )
    return HTMLResponse(text, status, {"cache-control": "no-store", **(headers or {})})
