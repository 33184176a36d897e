"""A line of `classify --lines`: untrusted JSON to the four things a classification asks for."""

from collections.abc import Mapping

from pydantic import Field

from app.providers.fields import LooseId, OptionalText, Payload, parse, read
from app.vocabulary import Channel


class Question(Payload):
    """What is known of a failure."""

    channel: Channel = Field(description="sms, whatsapp or email")
    provider: OptionalText = None
    code: LooseId = None
    text: OptionalText = None


def question_of(line: bytes, otherwise: Mapping[str, str | None]) -> Question:
    """Read a line; what it leaves out is as in ``otherwise``, where None is nothing.

    Raises BadInputError.
    """
    return read(Question, {name: value for name, value in otherwise.items() if value} | parse(line))
