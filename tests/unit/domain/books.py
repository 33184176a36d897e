"""The rows of one account, stored and read again around every event."""

from typing import cast

from app.domain.accounts import decode_account, decode_message, encode_account, encode_message, message_key
from app.domain.credits import Booked, apply_command, apply_entry
from app.domain.reservations import Tended, tend
from app.events import CreditEntry, CreditRequested
from tests.unit.domain.samples import POLICY

Event = CreditEntry | CreditRequested


class Books:
    """One account and its messages, as their agent keeps them."""

    def __init__(self) -> None:
        self.account: bytes | None = None
        self.messages: dict[str, bytes] = {}

    def apply(self, event: Event, received_at: int | None = None) -> Booked:
        """Apply an event; a command is received when it happened, unless told otherwise."""
        account = decode_account(self.account, event["tenant"])
        message = decode_message(self.messages.get(event["message_id"]))
        if "requested_by" in event:
            request = cast("CreditRequested", event)
            received_at = event["occurred_at"] if received_at is None else received_at
            booked = apply_command(account, message, request, POLICY, received_at=received_at)
        else:
            booked = apply_entry(account, message, event, POLICY)
        if booked.changed:
            self.account = encode_account(account)
            if message:
                self.messages[event["message_id"]] = encode_message(message)
        assert account.is_sound
        return booked

    def tend(self, moment: int, message_id: str = "m1") -> Tended:
        """Let time do its work on a message, everything up to a moment having been read."""
        account = decode_account(self.account, "acme")
        message = decode_message(self.messages[message_id])
        tended = tend(account, message, message_key("acme/teekrr", message_id), POLICY, moment)
        self.account = encode_account(account)
        self.messages[message_id] = encode_message(message)
        if tended.forget:
            del self.messages[message_id]
        assert account.is_sound
        return tended

    def tend_all(self, moment: int) -> None:
        """Let time do its work on every message."""
        for message_id in list(self.messages):
            self.tend(moment, message_id)

    @property
    def money(self) -> tuple[int, int, int, int]:
        """Granted, available, reserved, spent."""
        tree = decode_account(self.account, "").tree
        return tree["granted"], tree["available"], tree["reserved"], tree["spent"]

    @property
    def counts(self) -> dict[str, int]:
        """What the account counts."""
        return decode_account(self.account, "").tree.get("counts", {})

    @property
    def rows(self) -> tuple[bytes | None, tuple[tuple[str, bytes], ...]]:
        """Every row, to be compared."""
        return self.account, tuple(sorted(self.messages.items()))


def causes(books: Books, *events: Event) -> list[str]:
    """Apply events; return what each announcement says has happened."""
    return [str(output.value["cause"]) for event in events for output in books.apply(event).outputs]
