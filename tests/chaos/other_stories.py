"""What happens to messages sent through the other providers, and what people ask for."""

from app.events import SuppressionRequested
from tests.chaos.authoring import DAY, HOUR, MINUTE, SECOND, Author, Payer
from tests.chaos.catalogue import NEVER_TRIED, PRELUDE_FAILED, TREBLE_FAILED, Kind
from tests.chaos.people import Person, spelled
from tests.chaos.webhooks import (
    Confirmed,
    Failed,
    Meaning,
    Micros,
    OptedOut,
    old_webex,
    prelude,
    treble,
    webex,
)

_DAYS = 12


def webex_message(author: Author) -> None:
    """Send an SMS through Webex Interact."""
    rng = author.rng
    tenant, person, at = author.tenant(), author.people.draw(), author.moment(_DAYS)
    plots = (("submitted", "delivered"), ("submitted", "delivered", "clicked"), ("failed",), ("opt_out",))
    steps = rng.choices(plots, (50, 15, 30, 5))[0]
    number = author.number()
    for step, status in enumerate(steps):
        _webex(author, tenant, person, f"tid_{number}", at + step * SECOND, status)


def _webex(author: Author, tenant: str, person: Person, message: str, at: Micros, status: str) -> None:
    number = author.number()
    given = spelled(author.rng, person.phone)
    identity = f"{tenant}/webex/{number}"
    body = webex(f"evt_{number}", message, at, given, status)
    if status == "failed" and author.rng.random() < 0.2:
        message = f"ref-{number}"
        body = old_webex(message, at // 1000, given, status)
    author.send("webex-interact", Payer(tenant, ""), message, body, at, _webex_meaning(identity, person, at, status))


def _webex_meaning(identity: str, person: Person, at: Micros, status: str) -> Meaning:
    if status == "failed":
        return Meaning(
            _failed(identity, person.phone, at, Kind(1, "sms", "", "", "unknown", "UNKNOWN", "UNDETERMINED"))
        )
    if status == "opt_out":
        return Meaning(opted_out=OptedOut(identity, "sms", person.phone, at, "provider:webex-interact"))
    kind = {"submitted": "accepted", "delivered": "delivered", "clicked": "read"}[status]
    return Meaning(confirmed=Confirmed(identity, "sms", person.phone, at, kind))


def prelude_message(author: Author) -> None:
    """Send an SMS through Prelude: its first event alone names the recipient, and may never come."""
    rng = author.rng
    tenant, person, at = author.tenant(), author.people.draw(), author.moment(_DAYS)
    message = f"tx_{author.number()}"
    if rng.random() > 0.02:
        _prelude_created(author, tenant, person, message, at)
    if rng.random() < 0.5:
        _prelude_failed(author, tenant, person, message, at + SECOND, author.pick(PRELUDE_FAILED))
        return
    for step, (name, kind) in enumerate((("submitted", "accepted"), ("delivered", "delivered"))):
        identity = f"{tenant}/prelude/{author.number()}"
        confirmed = Confirmed(identity, "sms", person.phone, at + step * SECOND, kind)
        _prelude_status(author, tenant, message, name, confirmed.at, Meaning(confirmed=confirmed, awaits=message))
    if rng.random() < 0.05:
        _prelude_status(author, tenant, message, "unknown", at, Meaning())


def _prelude_created(author: Author, tenant: str, person: Person, message: str, at: Micros) -> None:
    number = author.number()
    body = prelude(
        f"evt_{number}", "transactional.message.created", at, id=message, to=spelled(author.rng, person.phone)
    )
    confirmed = Confirmed(f"{tenant}/prelude/{number}", "sms", person.phone, at, "accepted")
    meaning = Meaning(confirmed=confirmed, introduces=message)
    author.send("prelude", Payer(tenant, ""), message, body, at, meaning)


def _prelude_failed(author: Author, tenant: str, person: Person, message: str, at: Micros, kind: Kind) -> None:
    failed = _failed(f"{tenant}/prelude/{author.number()}", person.phone, at, kind)
    if kind.text == "expired":
        failed = failed._replace(outcome="expired")
    meaning = Meaning(failed, awaits=message)
    _prelude_status(author, tenant, message, "failed", at, meaning, status=kind.text, reason=kind.code)


def _prelude_status(
    author: Author, tenant: str, message: str, name: str, at: Micros, meaning: Meaning, **payload: str
) -> None:
    told = meaning.failed or meaning.confirmed
    event_id = f"evt_{told.identity}" if told else f"evt_{author.number()}"
    body = prelude(event_id, f"transactional.message.{name}", at, message_id=message, **payload)
    author.send("prelude", Payer(tenant, ""), message, body, at, meaning)


def prelude_subscription(author: Author) -> None:
    """Let somebody write STOP, and perhaps START."""
    tenant, person, at = author.tenant(), author.people.draw(), author.moment(_DAYS)
    for step, name in enumerate(("unsubscribed", "subscribed")[: author.rng.choice((1, 1, 2))]):
        number, then = author.number(), at + step * HOUR
        identity = f"{tenant}/prelude/{number}"
        body = prelude(f"evt_{number}", f"subscription.phone_number.{name}", then, phone_number=person.phone)
        if name == "unsubscribed":
            meaning = Meaning(opted_out=OptedOut(identity, "sms", person.phone, then, "provider:prelude"))
        else:
            meaning = Meaning(confirmed=Confirmed(identity, "sms", person.phone, then, "opted_in"))
        author.send("prelude", Payer(tenant, ""), "", body, then, meaning)


def treble_message(author: Author) -> None:
    """Let a deployment of treble.ai fail."""
    tenant = author.tenant()
    _treble(author, tenant, author.people.draw(), author.moment(_DAYS), author.pick(TREBLE_FAILED))


def _treble(author: Author, tenant: str, person: Person, at: Micros, kind: Kind) -> None:
    number = author.number()
    body = treble(f"{number:024x}", at, number, person.phone, kind.code)
    failed = _failed(f"{tenant}/treble/{number}", person.phone, at, kind)
    author.send("treble", Payer(tenant, ""), str(number), body, at, Meaning(failed))


def strange_date(author: Author) -> None:
    """Send reports with old dates, and with dates that nobody can believe, of people not heard of otherwise."""
    rng, base = author.rng, author.base
    person = author.people.draw_rare()
    old = base - rng.choice((45, 80, 200)) * DAY - rng.randrange(5) * HOUR
    broken = rng.choice((base - 500 * DAY, base + 3 * HOUR, base + 90 * DAY))
    for at in rng.choice(((old,), (broken,), (old, author.moment(_DAYS)), (old, broken, old - MINUTE))):
        _treble(author, "acme", person, at, TREBLE_FAILED[0])
        _webex(author, "acme", person, f"tid_{author.number()}", at - DAY, "delivered")
    if rng.random() < 0.5:
        _webex(author, "acme", person, f"tid_{author.number()}", broken, "opt_out")


def many_deliveries(author: Author) -> None:
    """Send one person about as many messages as a row remembers whatever their age, and some of long ago before."""
    person = author.people.draw_rare()
    old = [author.base - days * DAY for days in (45, 45, 50, 60)]
    for at in [*old, *(author.moment(_DAYS) for _ in range(author.rng.randrange(120, 136)))]:
        _webex(author, "acme", person, f"tid_{author.number()}", at, "delivered")


def old_good_news(author: Author) -> None:
    """Send one person messages that arrived, so long ago that the person is forgotten as soon as that is known."""
    person, at = author.people.draw_rare(), author.base - 60 * DAY
    for step in range(2):
        _webex(author, "acme", person, f"tid_{author.number()}", at + step * HOUR, "delivered")
        sent = author.items.pop()
        if sent.webhook:
            # last of all: a segment that began with so old a record would be deleted for its age
            webhook = sent.webhook._replace(received_at=at + DAY)
            author.items.append(sent._replace(turn=author.base, webhook=webhook))


def malformed(author: Author) -> None:
    """Send what nobody can read."""
    provider, body = author.rng.choice(
        (
            ("teekrr", b'{"event":"failed","data":{'),
            ("teekrr", b'{"event":"failed","timestamp":5,"data":{"messageUuid":"x","channel":"sms"}}'),
            ("webex-interact", b"[]"),
            ("prelude", b'{"id":"evt_1","type":"transactional.message.failed","created_at":false,"payload":{}}'),
            ("treble", b'{"event_type":"deployment.success"}'),
        )
    )
    author.send(provider, Payer(author.tenant(), ""), "", body, author.moment(_DAYS), Meaning(dead=True))


def request(author: Author) -> None:
    """Let a person or another system ask to suppress or to lift; some suppressions end while the load runs."""
    rng = author.rng
    person, tenant, number = author.people.draw(), author.tenant(), author.number()
    at = author.moment(_DAYS)
    channel, address = rng.choice((("sms", person.phone), ("email", person.email), ("", person.phone)))
    until = rng.choice((None, author.base + rng.randrange(20, 40) * SECOND, author.base + 5 * DAY))
    action, reason, by = rng.choice(
        (
            ("suppress", "content_rejected", "ops@example.com"),
            ("suppress", "recipient_opted_out", "support"),
            ("lift", "", "support"),
            ("lift", "", "provider:teekrr"),
        )
    )
    request: SuppressionRequested = {
        # the first 64 characters of some are the same
        "event_id": f"request-{number}" if number % 3 else f"{'long-' * 15}{number}",
        "tenant": tenant,
        "channel": channel,
        "recipient": address,
        "action": action,
        "reason": reason,
        "occurred_at": at,
        "requested_by": by,
        "until": until if action == "suppress" and reason != "recipient_opted_out" else None,
        "note": "",
        "raw_topic": "",
        "raw_partition": -1,
        "raw_offset": -1,
        "raw_sha256": "",
        "received_at": None,
    }
    author.ask(request, at)
    if rng.random() < 0.1:
        author.ask(request, at)


def _failed(identity: str, recipient: str, at: Micros, kind: Kind) -> Failed:
    outcome = "rejected" if kind.reason in NEVER_TRIED else "failed"
    return Failed(
        identity, kind.channel, recipient, at, kind.reason, kind.attribution, kind.permanence, outcome, twofold=False
    )
