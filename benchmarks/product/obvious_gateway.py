"""What one writes first: an aiohttp handler that checks the signature and awaits the producer for each request."""

import hashlib
import hmac
import json
import sys

from aiohttp import web
from aiokafka import AIOKafkaProducer


def main(bootstrap: str, port: int, secret: str) -> None:
    """Serve until killed."""
    key = hashlib.sha256(secret.encode()).hexdigest().encode()

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        given = request.headers.get("X-Teekrr-Signature", "")
        if not hmac.compare_digest(hmac.digest(key, body, "sha256").hex(), given):
            return web.Response(status=401)
        message = json.loads(body)["data"]["messageUuid"].encode()
        await request.app["producer"].send_and_wait("raw.teekrr", body, message, headers=[("tenant", b"acme")])
        return web.json_response({})

    async def connect(app: web.Application) -> None:
        app["producer"] = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        await app["producer"].start()

    async def alive(_request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.on_startup.append(connect)
    app.router.add_post("/v1/webhooks/{provider}/{endpoint}", receive)
    app.router.add_get("/livez", alive)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
