"""Views of the tables: recipients, suppressions, credit."""

import re
import time
from collections.abc import Callable
from functools import partial

from aiohttp import web

from app.domain.accounts import decode_account, decode_message, message_key
from app.domain.rows import Row, decode_row
from app.errors import BadInputError
from app.events import Micros
from app.faust_batches.batch import Rows
from app.identity import canonical, check_tenant, recipient_key
from app.raw_records import ACCOUNT_PATTERN
from app.topics import Table
from app.vocabulary import AddressKind
from app.web.answers import Refused, answer_from_row
from app.web.auth import Caller, Gate
from app.web.routing import TableRouter
from app.web.rows import Json, Person, account, message, recipient, suppressions

_ACCOUNT = re.compile(ACCOUNT_PATTERN)
_LONGEST_ADDRESS = 320

ToJson = Callable[[Person, Row, Micros], Json]


class TableViews:
    """Answers from rows, wherever they are."""

    def __init__(self, tables: TableRouter, gate: Gate) -> None:
        self._tables = tables
        self._gate = gate

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes; an address or account may hold slashes."""
        router.add_get("/v1/recipients/{tenant}/{address:.+}", partial(self._person, recipient))
        router.add_get("/v1/suppressions/{tenant}/{address:.+}", partial(self._person, suppressions))
        router.add_get("/v1/credits/{account:.+}", self._credit)

    async def _person(self, to_json: ToJson, request: web.Request) -> web.Response:
        caller = self._gate.caller_of(request)
        person = person_at(request.match_info["tenant"], request.match_info["address"])
        caller.check(person.tenant)
        key = recipient_key(person.tenant, person.address.value)

        def from_rows(rows: Rows) -> web.Response:
            stored = rows.get(key.encode())
            if stored is None:
                raise _unknown(person)
            now = time.time_ns() // 1000
            return answer_from_row(Table.RECIPIENTS, lambda: to_json(person, decode_row(stored), now))

        return await self._tables.route(request, Table.RECIPIENTS, key, from_rows)

    async def _credit(self, request: web.Request) -> web.Response:
        caller = self._gate.caller_of(request)
        name = request.match_info["account"]
        if not _ACCOUNT.fullmatch(name):
            raise BadInputError(f"account: text of {len(name)} characters, expected 1 to 128 visible ASCII characters")
        message_id = request.query.get("message")

        def from_rows(rows: Rows) -> web.Response:
            return answer_from_row(Table.CREDITS, lambda: credit_at(rows, caller, name, message_id))

        # a message's row lies in the partition of its account
        return await self._tables.route(request, Table.CREDITS, name, from_rows)


def person_at(tenant: str, given: str) -> Person:
    """Return whom a path means.

    Raises BadInputError.
    """
    if len(given) > _LONGEST_ADDRESS or not given.isprintable():
        raise BadInputError(f"address: text of {len(given)} characters, expected an e-mail address or a phone number")
    return Person(check_tenant(tenant), canonical(given, ""))


def credit_at(rows: Rows, caller: Caller, name: str, message_id: str | None) -> Json:
    """Return an account, or one of its messages.

    Raises Refused. Whose an account is stands in its row; others' accounts look as unknown ones do.
    """
    stored = rows.get(name.encode())
    found = decode_account(stored, "")
    tenant = found.tree["tenant"]
    if stored is None or not caller.may_see(tenant):
        caller.check(name.partition("/")[0])
        raise Refused(404, "account: nothing is known of it")
    if message_id is None:
        return account(name, found)
    report = rows.get(message_key(name, message_id).encode(errors="replace"))
    if report is None:
        raise Refused(404, "message: nothing is known of it in this account, or it was forgotten since it ended")
    return message(name, message_id, tenant, decode_message(report))


def _unknown(person: Person) -> Exception:
    if person.address.kind is AddressKind.INVALID:
        return BadInputError("address: expected an e-mail address or a phone number with its country code: +44…")
    return Refused(404, "recipient: nothing is known of this address, so nothing speaks against a message")
