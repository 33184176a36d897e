"""The page for people: files of this package, and nothing from anywhere else."""

from importlib import resources

from aiohttp import web
from aiohttp.typedefs import Handler

_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
PATHS = tuple(_FILES)
"""They hold no data, so anybody may have them."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def add_page(router: web.UrlDispatcher) -> None:
    """Add the routes of the page."""
    for path, (name, content_type) in _FILES.items():
        body = resources.files("app.web").joinpath("static", name).read_bytes()
        router.add_get(path, _file(body, content_type))


def _file(body: bytes, content_type: str) -> Handler:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=_HEADERS)

    return serve
