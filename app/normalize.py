"""From a raw webhook to what it means: pure, so that a raw topic can be read again at any time with the same result."""

from collections.abc import Callable
from typing import Any

from app.classify.overlay import NO_OVERLAY, Overlay
from app.errors import BadInputError
from app.identity import check_tenant
from app.outputs import DeadLetter, Normalized, RawRecord
from app.providers import prelude, teekrr, treble, webex_interact
from app.providers.fields import parse
from app.vocabulary import Provider

_PROVIDERS: dict[str, Callable[[RawRecord, dict[str, Any], Overlay], Normalized]] = {
    Provider.TEEKRR: teekrr.normalize,
    Provider.WEBEX_INTERACT: webex_interact.normalize,
    Provider.PRELUDE: prelude.normalize,
    Provider.TREBLE: treble.normalize,
}


def normalize(raw: RawRecord, overlay: Overlay = NO_OVERLAY) -> Normalized:
    """Return what a webhook means; what cannot be read is a dead letter, never an error."""
    provider = _PROVIDERS.get(raw.provider)
    if provider is None:
        return _dead(BadInputError(f"provider: unknown, expected one of {', '.join(_PROVIDERS)}"))
    try:
        check_tenant(raw.tenant)
        return provider(raw, parse(raw.value), overlay)
    except BadInputError as error:
        return _dead(error)


def _dead(error: BadInputError) -> Normalized:
    return Normalized(dead_letter=DeadLetter(type(error).__name__, str(error)))
