"""Posts webhooks to a gateway, signed as each provider's documents say: written from them, not from the gateway."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterable

from aiohttp import ClientError, ClientSession, ClientTimeout
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256

from app.demo.book import Webhook
from app.demo.processes import Addresses, Secrets
from app.errors import UndeliveredError
from app.vocabulary import Provider

_AT_ONCE = 8
_TRIES = 5
_RETRY_S = 0.5
_OK = 200
_TIMEOUT = ClientTimeout(total=15)
_JSON = {"Content-Type": "application/json"}


class NotTakenError(UndeliveredError):
    """The gateway gave another answer than it should."""


def signature_headers(webhook: Webhook, secrets: Secrets) -> dict[str, str]:
    """Return the headers that prove where a webhook comes from; some providers have none."""
    if webhook.provider is Provider.TEEKRR:
        key = hashlib.sha256(secrets.teekrr.encode()).hexdigest().encode()
        return {"X-Teekrr-Signature": hmac.new(key, webhook.body, hashlib.sha256).hexdigest()}
    if webhook.provider is Provider.PRELUDE:
        signed = secrets.prelude.sign(webhook.body, PSS(MGF1(SHA256()), salt_length=32), SHA256())
        return {"X-Webhook-Signature": f"rsassa-pss-sha256={base64.urlsafe_b64encode(signed).decode().rstrip('=')}"}
    return {}


class Poster:
    """Posts to one gateway, several at once, so that neighbours may change places."""

    def __init__(self, addresses: Addresses, secrets: Secrets) -> None:
        self._addresses = addresses
        self._secrets = secrets
        self.posted = 0
        self.repeated = 0
        """Webhooks posted again since no acknowledgement came in time: they may be stored twice."""

    async def post_all(self, webhooks: Iterable[Webhook]) -> None:
        """Post in this order; raises NotTakenError."""
        waiting = iter(webhooks)

        async def post_the_rest(session: ClientSession) -> None:
            for webhook in waiting:
                await self._post(session, webhook)
                self.posted += 1

        async with ClientSession(timeout=_TIMEOUT, headers=_JSON) as session:
            tasks = [asyncio.create_task(post_the_rest(session)) for _ in range(_AT_ONCE)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()

    async def status_of_forged(self, webhook: Webhook) -> int:
        """Post a webhook whose body was changed after it was signed; return the answer's status."""
        headers = signature_headers(webhook, self._secrets)
        url = self._addresses.webhook_url(self._secrets, webhook.tenant, webhook.provider)
        async with (
            ClientSession(timeout=_TIMEOUT, headers=_JSON) as session,
            session.post(url, data=webhook.body + b" ", headers=headers) as answer,
        ):
            return answer.status

    async def _post(self, session: ClientSession, webhook: Webhook) -> None:
        url = self._addresses.webhook_url(self._secrets, webhook.tenant, webhook.provider)
        headers = signature_headers(webhook, self._secrets)
        answer = "nothing"
        for _ in range(_TRIES):
            try:
                async with session.post(url, data=webhook.body, headers=headers) as response:
                    if response.status == _OK:
                        return
                    answer = str(response.status)
            except (ClientError, TimeoutError) as error:
                answer = type(error).__name__
            self.repeated += 1
            await asyncio.sleep(_RETRY_S)
        raise NotTakenError(f"the gateway answered {answer} to a webhook of {webhook.provider}, {_TRIES} times")
