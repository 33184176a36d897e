"""The words of the product, each explained where it stands.

The reason words are shared by every provider's table of codes, so that a policy needs to know these words only.
"""

from enum import StrEnum


class Provider(StrEnum):
    """Where a webhook came from; the value is also the end of its raw topic's name."""

    TEEKRR = "teekrr"
    WEBEX_INTERACT = "webex-interact"
    PRELUDE = "prelude"
    TREBLE = "treble"


class Channel(StrEnum):
    """How a message was to reach the person."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class Outcome(StrEnum):
    """What the provider said had happened, before anybody judged it."""

    FAILED = "failed"
    BOUNCED = "bounced"
    """Refused by the receiving mail system after the provider had accepted it."""
    EXPIRED = "expired"
    """The provider gave up when the message's validity ended."""
    REJECTED = "rejected"
    """Never attempted: refused on the provider's side."""


class Attribution(StrEnum):
    """Whose fault a failure is; only RECIPIENT ever touches a recipient's row."""

    RECIPIENT = "RECIPIENT"
    SENDER = "SENDER"
    """Our account, number, domain or quota."""
    CONTENT = "CONTENT"
    """This message: template, size, wording."""
    CARRIER = "CARRIER"
    """The network, the route or the receiving mail system."""
    PROVIDER = "PROVIDER"
    """The messaging provider or the platform behind it."""
    UNKNOWN = "UNKNOWN"


class Permanence(StrEnum):
    """Whether an identical message can get through later without anybody acting."""

    PERMANENT = "PERMANENT"
    TRANSIENT = "TRANSIENT"
    UNDETERMINED = "UNDETERMINED"


class Phase(StrEnum):
    """When on its way the message failed."""

    REFUSED = "REFUSED"
    """Before any attempt: a suppression list, an empty balance."""
    SUBMISSION = "SUBMISSION"
    """While it was handed to the provider or the carrier."""
    DELIVERY = "DELIVERY"
    """Between acceptance and the recipient."""
    AFTER_DELIVERY = "AFTER_DELIVERY"
    UNKNOWN = "UNKNOWN"


class WillRetry(StrEnum):
    """Whether the provider goes on trying by itself."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


class Confidence(StrEnum):
    """What a judgement rests on, best first."""

    CODE = "CODE"
    """A documented code."""
    TEXT = "TEXT"
    """The wording of a diagnostic."""
    PROVIDER = "PROVIDER"
    """The provider's own general word, such as a bounce type or a state."""
    UNMAPPED = "UNMAPPED"
    """Nothing known matched: never suppresses."""


class Confirmation(StrEnum):
    """Good news about a message, weakest first."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    """Opened, read or clicked."""
    OPTED_IN = "opted_in"
    """The person asked to hear from us again; lifts an opt-out."""


class AddressKind(StrEnum):
    """What kind of address a recipient is."""

    PHONE = "phone"
    """Valid; the canonical form is E.164."""
    EMAIL = "email"
    """Valid; domain in lower case and IDNA, local part as given."""
    INVALID = "invalid"
    """Neither; kept as given so that nothing is lost."""
    NONE = "none"
    """The provider named no recipient."""


class SuppressionState(StrEnum):
    """Whether an address may be messaged on a channel."""

    SUPPRESSED = "suppressed"
    ALLOWED = "allowed"


class SuppressionAction(StrEnum):
    """What a person or another system asks for on ``suppression.requested``."""

    SUPPRESS = "suppress"
    LIFT = "lift"


class CreditCommand(StrEnum):
    """What billing asks for on ``credit.requested``."""

    GRANT = "grant"
    RESERVE = "reserve"
    ADJUST = "adjust"
    """Corrects ``granted`` and ``available`` by a signed amount."""


class CreditEntryKind(StrEnum):
    """What a webhook means for a message's reservation."""

    SETTLE = "settle"
    """The provider charged it."""
    RELEASE = "release"
    """It failed before it was charged: the reservation goes back."""
    KEEP = "keep"
    """It bounced after acceptance: the credit stays consumed."""


class AlertKind(StrEnum):
    """What a person is told about on ``delivery.alert``."""

    PROVIDER_FAILURE_RATE = "provider_failure_rate"
    SENDER_FAULT = "sender_fault"
    UNLISTED_CODE = "unlisted_code"
    """No table lists a provider's code, or knows its words: somebody may add a row."""
    LOW_CREDIT = "low_credit"
    CREDIT_INVARIANT = "credit_invariant"
    RESERVATION_STALE = "reservation_stale"
    RECORD_FAILED = "record_failed"
    """Processing a record raised: it is a dead letter. An incident, never cleared, like the two that follow."""
    ROW_FAILED = "row_failed"
    """What was due by the clock for a row raised: a copy of the row is a dead letter."""
    OFFSET_GAP = "offset_gap"
    """An agent goes on elsewhere than at its committed offset, since the topic no longer holds that one."""


class AlertState(StrEnum):
    """An alert is raised once and cleared once."""

    RAISED = "raised"
    CLEARED = "cleared"


class Reason(StrEnum):
    """Why a message failed: one vocabulary for every provider and channel."""

    INVALID_RECIPIENT = "invalid_recipient"
    """The address or number does not exist, is malformed, or its domain takes no mail."""
    RECIPIENT_NOT_ON_CHANNEL = "recipient_not_on_channel"
    """The person exists but cannot be reached on this channel: no WhatsApp, a landline."""
    RECIPIENT_DISABLED = "recipient_disabled"
    """Mailbox disabled, subscriber barred or suspended."""
    RECIPIENT_OPTED_OUT = "recipient_opted_out"
    """STOP, unsubscribe, complaint: legal weight."""
    RECIPIENT_SUPPRESSED = "recipient_suppressed"
    """Not attempted: already on somebody's block list. An echo, it changes nothing."""
    RECIPIENT_RESTRICTED = "recipient_restricted"
    """A rule on the recipient's side refuses this sender or this kind of message."""
    MAILBOX_FULL = "mailbox_full"
    """Mailbox, SIM or handset storage full."""
    RECIPIENT_UNAVAILABLE = "recipient_unavailable"
    """Handset off, no coverage, mailbox temporarily unavailable."""
    RECIPIENT_RATE_LIMITED = "recipient_rate_limited"
    """This recipient gets too much, from us or in total."""
    MARKETING_LIMITED = "marketing_limited"
    """The platform withheld a marketing message."""
    CONVERSATION_BUSY = "conversation_busy"
    """The recipient is in a live conversation or call."""
    SESSION_WINDOW_CLOSED = "session_window_closed"
    """Free-form message outside the reply window; send a template."""
    RATE_LIMITED = "rate_limited"
    """Our throughput limit: back off seconds to minutes."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """Daily, monthly or tier allowance used up."""
    INSUFFICIENT_FUNDS = "insufficient_funds"
    """Our account with the provider has no credit."""
    SENDER_REPUTATION = "sender_reputation"
    """We are blocked or throttled for spam, complaints or a block list."""
    SENDER_AUTHENTICATION = "sender_authentication"
    """SPF, DKIM, DMARC, reverse DNS, TLS."""
    SENDER_NOT_REGISTERED = "sender_not_registered"
    """Our number, id, domain or campaign is not registered."""
    SENDER_ACCOUNT_RESTRICTED = "sender_account_restricted"
    """Our account is paused, suspended, locked or in a trial."""
    SENDER_CREDENTIALS = "sender_credentials"
    """Token, key, permission or relay rights."""
    TEMPLATE_ERROR = "template_error"
    """Template missing, paused, disabled, or its parameters are wrong."""
    CONTENT_REJECTED = "content_rejected"
    """Spam, virus, policy, forbidden attachment."""
    UNSUPPORTED_CONTENT = "unsupported_content"
    """Message type, media type or character set not supported."""
    MESSAGE_TOO_LARGE = "message_too_large"
    """Length or size limit."""
    INVALID_REQUEST = "invalid_request"
    """Malformed request or headers: a fault in our software."""
    CARRIER_REJECTED = "carrier_rejected"
    """Carrier or receiving system refused without a finer reason."""
    REGULATORY_BLOCKED = "regulatory_blocked"
    """Country rule, DLT, consent registry."""
    FRAUD_BLOCKED = "fraud_blocked"
    """Anti-fraud or traffic-pumping protection."""
    NETWORK_ERROR = "network_error"
    """Network or transport failure."""
    ROUTING_ERROR = "routing_error"
    """No route, portability, loop, unresolvable host."""
    EXPIRED = "expired"
    """Validity period or queue life over."""
    PROVIDER_ERROR = "provider_error"
    """The provider or the remote system failed internally."""
    CANCELLED = "cancelled"
    """Withdrawn on purpose."""
    DUPLICATE = "duplicate"
    """The same message was already sent."""
    MANAGEMENT_OPERATION = "management_operation"
    """Registration, template editing and the like: not about a message."""
    NOT_FAILURE = "not_failure"
    """Success, in flight or informational."""
    UNKNOWN = "unknown"
    """No usable reason."""
