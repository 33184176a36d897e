"""What an alert says and what it tells a person to do."""

from typing import NamedTuple

from app.vocabulary import Reason


class Advice(NamedTuple):
    """Two sentences with places for the words of an alert, such as ``{provider}``."""

    summary: str
    action: str


FAULTS = {
    Reason.SENDER_CREDENTIALS: Advice(
        "{provider} refuses our credentials on {channel}.",
        "Renew the token or key at {provider} and check its permissions.",
    ),
    Reason.SENDER_NOT_REGISTERED: Advice(
        "A sender number, id or domain of ours is not registered for {channel} at {provider}.",
        "Register the sender behind the sample code at {provider}, or send from one that is registered.",
    ),
    Reason.SENDER_REPUTATION: Advice(
        "Our {channel} messages through {provider} are blocked or throttled for spam or complaints.",
        "Stop bulk sending on {channel}, look up the block list or quality rating, and repair the cause first.",
    ),
    Reason.SENDER_AUTHENTICATION: Advice(
        "Our {channel} messages through {provider} fail authentication.",
        "Check SPF, DKIM, DMARC, reverse DNS and TLS of the sending domain against what {provider} asks for.",
    ),
    Reason.SENDER_ACCOUNT_RESTRICTED: Advice(
        "Our account at {provider} is paused, suspended or restricted on {channel}.",
        "Open the account at {provider}, settle what it asks for, or contact its support.",
    ),
    Reason.INSUFFICIENT_FUNDS: Advice(
        "Our account at {provider} has no credit left for {channel}.",
        "Top up the account at {provider} or repair its payment method.",
    ),
    Reason.QUOTA_EXCEEDED: Advice(
        "Our allowance on {channel} at {provider} is used up.",
        "Hold back {channel} messages until the allowance renews, or have it raised at {provider}.",
    ),
    Reason.TEMPLATE_ERROR: Advice(
        "A {channel} template at {provider} is missing, paused, or does not fit its parameters.",
        "Open the template of the failed messages at {provider} and repair it or the parameters that are sent with it.",
    ),
    Reason.INVALID_REQUEST: Advice(
        "{provider} calls our {channel} requests malformed.",
        "Have the sending software corrected: the sample code at {provider} says which part of the request is wrong.",
    ),
}
"""Faults on our side that a person can repair, told at their first report."""

UNLISTED_CODE = Advice(
    "{provider} fails {channel} messages with the code {code}, which no table lists: it is judged as {reason}.",
    "Find out what it means and add a line to the overlay file: `{line}`. Try it with `{command}`.",
)
UNLISTED_TEXT = Advice(
    "{provider} fails {channel} messages without a code and in words that no table knows: they are judged as {reason}.",
    "Find out what they mean and add a line to the overlay file: `{line}`. Try it with `{command}`.",
)
FAILURE_RATE = Advice(
    "{provider} fails {failures} of {total} {channel} messages for reasons that are not the recipients'.",
    "Look at the status page of {provider} and send {channel} messages another way until it recovers; no recipient is "
    "judged by its transient failures meanwhile.",
)
LOW_CREDIT = Advice(
    "Account {account} has {percent} % of its granted credit left.",
    "Grant account {account} more credit, or stop sending on it before it runs out.",
)
CREDIT_INVARIANT = Advice(
    "The figures of account {account} contradict each other: available, reserved and spent are not what was granted.",
    "Stop sending on account {account} and rebuild its row by a replay; nothing is booked on it until then.",
)
STALE = Advice(
    "Account {account} holds reservations that nothing settled or released in time.",
    "Ask the provider what became of message {message_id} and look for webhooks that were lost.",
)
RECORD_FAILED = Advice(
    "Agent {agent} failed on record {record} ({error} at {place}) and put it aside as a dead letter.",
    "Have the software corrected at that place, or the row that it stumbled over mended, then redrive the dead letters "
    "with this error-class: the operating page has the recipe.",
)
ROW_FAILED = Advice(
    "Agent {agent} failed on a row of table {table} that was due ({error} at {place}); the row stays as it is.",
    "Have the software corrected at that place, or mend the row from its copy in dead.letter: the operating page has "
    "the recipe. It is tried again a day later.",
)
GAP = Advice(
    "Agent {agent} never processed {topic}/{partition} from offset {committed} up to {resumed_at}: they were deleted "
    "before a worker came to them.",
    "Run more workers or lengthen the retention of {topic}, then look under Gaps in the operating page for what is "
    "missing now and how to get it back.",
)
LOG_CUT_SHORT = Advice(
    "{topic}/{partition} ends before offset {committed}, up to which agent {agent} had processed it: the cluster lost "
    "records, and the agent goes on at offset {resumed_at}.",
    "Find out what the cluster lost (a restored backup, an unclean leader election), then look under Gaps in the "
    "operating page for what follows from it.",
)
