"""What makes two reports the same: event ids, recipient keys, and one spelling for every address."""

import re
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from typing import NamedTuple

import idna
import orjson
import phonenumbers
from phonenumbers import PhoneMetadata

from app.errors import BadInputError
from app.raw_records import TENANT_PATTERN
from app.vocabulary import AddressKind, Channel

_TENANT = re.compile(TENANT_PATTERN)
_SEPARATORS = str.maketrans("", "", " \t\u00a0\u202f().-/")
_DIGITS = re.compile(r"[0-9]{7,15}", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_LOCAL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}")
_TYPES_OF_NUMBER = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


class Basis(StrEnum):
    """What an event id was derived from."""

    PROVIDER_EVENT_ID = "provider_event_id"
    MESSAGE = "message"
    CONTENT = "content"


class Address(NamedTuple):
    """A recipient in the one spelling that keys and rows use."""

    value: str
    """Canonical; as given where the kind is INVALID, empty where it is NONE."""
    kind: AddressKind
    given: str
    """As the provider wrote it."""


NOBODY = Address("", AddressKind.NONE, "")


def check_tenant(tenant: str) -> str:
    """Return a tenant's name; it stands in front of ``/`` in every key, so it may not hold one.

    Raises BadInputError.
    """
    if not _TENANT.fullmatch(tenant):
        raise BadInputError(
            f"tenant: text of {len(tenant)} characters, expected 1 to 64 letters, digits, dots, underscores or hyphens,"
            " a letter or digit first"
        )
    return tenant


def event_id(*parts: str) -> str:
    """Return 128 bits of hex that are the same for the same parts only: as a JSON list, parts cannot run together."""
    return sha256(orjson.dumps(parts)).hexdigest()[:32]


def recipient_key(tenant: str, address: str) -> str:
    """Return the key of the row that holds every channel of an address."""
    return f"{tenant}/{address}"


def unaddressed_key(tenant: str, provider: str, message_id: str) -> str:
    """Return the key of a record whose provider named no recipient; no address begins with ``~provider/``."""
    return f"{tenant}/~{provider}/{message_id}"


@lru_cache(maxsize=1 << 14)
def canonical(given: str, channel: str, region: str = "") -> Address:
    """Return the one spelling of an address; without a channel, an ``@`` makes it e-mail.

    A phone number without ``+`` is international first, else a national number of ``region`` (ISO 3166, such as MY).
    """
    if not given.strip():
        return NOBODY
    if channel == Channel.EMAIL or (not channel and "@" in given):
        value, kind = _email(given.strip()), AddressKind.EMAIL
    else:
        value, kind = _phone(given, region), AddressKind.PHONE
    return Address(value, kind, given) if value else Address(given, AddressKind.INVALID, given)


def _email(text: str) -> str:
    local, _, domain = text.rpartition("@")
    domain = domain.lower()
    if not _LOCAL.fullmatch(local):
        return ""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            return ""
    return f"{local}@{domain}" if _DOMAIN.fullmatch(domain) else ""


def _phone(text: str, region: str) -> str:
    compact = text.translate(_SEPARATORS)
    if compact[:9].lower() == "whatsapp:":
        compact = compact[9:]
    has_plus = compact.startswith(("+", "00"))
    digits = compact.removeprefix("+") if compact.startswith("+") else compact.removeprefix("00")
    if not _DIGITS.fullmatch(digits):
        return ""
    spelling = _one_spelling(digits)
    if _is_valid_as_it_is(spelling):
        return f"+{spelling}"
    found = _parsed(f"+{digits}", None)
    if not found and region and not has_plus:
        found = _parsed(digits, region)
    return found


def _parsed(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"+{_one_spelling(e164[1:])}"


def _one_spelling(digits: str) -> str:
    """Merge the spellings in which one person's number travels; landlines are never touched.

    - Mexico dropped the mobile 1 after +52 in 2019; WhatsApp ids still carry it: +52 1 55… is +52 55….
    - Brazil put a 9 before mobile numbers by 2016; WhatsApp ids of many areas lack it. Old mobile numbers begin with
      6 to 9, landlines with 2 to 5: +55 31 8… is +55 31 98….
    - Argentina dials mobiles from abroad as +54 9 and the ten-digit number, which belongs to one line only, mobile or
      landline. Which of the two a number without the 9 is cannot be told, so the 9 goes: +54 9 11… is +54 11….
    """
    if digits.startswith("521") and len(digits) == 13:  # noqa: PLR2004 - 52, 1, ten digits
        return f"52{digits[3:]}"
    if digits.startswith("55") and len(digits) == 12 and digits[4] in "6789":  # noqa: PLR2004 - 55, area, eight digits
        return f"{digits[:4]}9{digits[4:]}"
    if digits.startswith("549") and len(digits) == 13:  # noqa: PLR2004 - 54, 9, ten digits
        return f"54{digits[3:]}"
    return digits


def _is_valid_as_it_is(digits: str) -> bool:
    """Tell whether the library would call the number valid and change nothing, at a tenth of its time."""
    if digits.startswith("0"):
        return False
    for length in (1, 2, 3):
        plan = _numbering_plan(int(digits[:length]))
        if plan:
            return bool(plan.fullmatch(digits, length))
    return False


@cache
def _numbering_plan(country_code: int) -> re.Pattern[str] | None:
    """Return the library's metadata of a country code as one pattern of valid national numbers.

    Numbers that begin with something the library might strip or rewrite do not match: it decides on those.
    """
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(country_code, ())
    plans = [plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region, None))]
    if not plans:
        return None
    prefix = plans[0].national_prefix_for_parsing
    untouched = f"(?!{prefix})" if prefix else ""
    return re.compile(f"{untouched}(?:{'|'.join(map(_pattern, plans))})", re.ASCII)


def _pattern(plan: PhoneMetadata) -> str:
    types = (getattr(plan, name) for name in _TYPES_OF_NUMBER)
    patterns = "|".join(kind.national_number_pattern for kind in types if kind and kind.national_number_pattern)
    general = plan.general_desc.national_number_pattern if plan.general_desc else ""
    return f"(?={plan.leading_digits or ''})(?=(?:{general})\\Z)(?:{patterns})"
