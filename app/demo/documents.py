"""The payloads of the providers' documents, and what each means."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from app.demo.payloads import Body, iso
from app.events import Micros
from app.vocabulary import Channel, Confirmation, Provider, Reason


class Failure(NamedTuple):
    """What a documented failure means."""

    reason: Reason
    channel: Channel
    recipient: str
    suppresses: bool = False
    unlisted: bool = False
    """No table lists its code, or knows its words."""


class Document(NamedTuple):
    """A documented payload: at most one of failure and confirmation; neither: counted and acknowledged."""

    provider: Provider
    text: str
    failure: Failure | None = None
    confirmation: Confirmation | None = None


_UNDELIVERABLE = Failure(Reason.RECIPIENT_NOT_ON_CHANNEL, Channel.WHATSAPP, "+60123456789", suppresses=True)
_THROTTLED = Failure(Reason.RATE_LIMITED, Channel.EMAIL, "user@example.com")
_NO_CODE = Failure(Reason.UNKNOWN, Channel.SMS, "+60123456789", unlisted=True)
_GONE = Failure(Reason.INVALID_RECIPIENT, Channel.EMAIL, "gone@example.com", suppresses=True)
_NO_REASON = Failure(Reason.UNKNOWN, Channel.SMS, "+447810000001")
_NUMBERED = _NO_REASON._replace(unlisted=True)  # the list of its codes is not published
_REJECTED = Failure(Reason.CARRIER_REJECTED, Channel.SMS, "+3361234567")  # as it stands in the document: a digit short
_OPTED_OUT = Failure(Reason.RECIPIENT_OPTED_OUT, Channel.WHATSAPP, "+573161234567", suppresses=True)

# fmt: off
DOCUMENTS = (
    Document(Provider.TEEKRR, '{"event":"failed","timestamp":"2026-05-06T10:15:00.123Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a11","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"whatsapp","msisdn":"60123456789","failedAt":"2026-05-06T10:14:59.900Z","errorCode":"131026","errorMessage":"Message undeliverable"}}', _UNDELIVERABLE),  # noqa: E501 - verbatim
    Document(Provider.TEEKRR, '{"event":"failed","timestamp":"2026-05-06T10:15:00.123Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a12","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"email","email":"user@example.com","failedAt":"2026-05-06T10:14:59Z","errorCode":"Throttling","errorMessage":"Maximum sending rate exceeded."}}', _THROTTLED),  # noqa: E501
    Document(Provider.TEEKRR, '{"event":"failed","timestamp":"2026-05-06T10:15:00.123Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a13","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"sms","msisdn":"60123456789","failedAt":"2026-05-06T10:14:59Z","errorMessage":"Delivery failed"}}', _NO_CODE),  # noqa: E501
    Document(Provider.TEEKRR, '{"event":"bounced","timestamp":"2026-05-06T10:20:00.456Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a14","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"email","email":"gone@example.com","bouncedAt":"2026-05-06T10:19:58Z","bounceType":"Permanent","bounceSubType":"NoEmail","diagnostic":"smtp; 550 5.1.1 user unknown"}}', _GONE),  # noqa: E501
    Document(Provider.WEBEX_INTERACT, '{"specversion":"1.0","type":"com.interact.messages.sms.status","source":"https://api.webexinteract.com/v1/sms","id":"evt_2z020YIp98J0ow5egHEVQJQd2Sx","time":"2025-06-25T12:10:47Z","datacontenttype":"application/json","data":{"status":"failed","channel":"sms","phone_number":"+447810000001","from":"Name","message_body":"This is your message","message_parts":"1","scheduled_at":"2025-06-30T12:08:43Z","list_id":"18920476","custom_id":"123","campaign_name":"Some campaign","campaign_id":"cmp_214r8u4981u498"},"correlation_id":"anexternallyassignedreference","transaction_id":"tid_35T5b3cQmfqTu6jcedrdVcSmNHr"}', _NO_REASON),  # noqa: E501
    Document(Provider.WEBEX_INTERACT, '{"specversion":"1.0","type":"com.interact.messages.sms.status","source":"https://api.webexinteract.com/v1/sms","id":"evt_2z01l2qQ8MRVmFZSUQHHxIjVvje","time":"2025-06-25T12:08:43Z","datacontenttype":"application/json","data":{"status":"failed","channel":"sms","code":"1003","phone_number":"+447810000001"},"correlation_id":"tid_2z01kRVL89GGMsgtgFuHk2hlGMI"}', _NUMBERED),  # noqa: E501
    Document(Provider.WEBEX_INTERACT, '{"specversion":"1.0","type":"com.reach.messages.sms.status","source":"https://api.reach.com/messages/sms","time":1750853447000,"datacontenttype":"application/json","data":{"status":"failed","channel":"sms","phone":"+447810000001","correlationid":"anexternallyassignedreference"}}', _NO_REASON),  # noqa: E501
    Document(Provider.PRELUDE, '{"id":"evt_01htjex3pre54tywgzsdg1jnbn","type":"transactional.message.failed","created_at":"2024-04-03T17:08:01.36881397Z","payload":{"created_at":"2024-04-03T17:08:01.349000489Z","customer_uuid":"90c7e8b2-203a-4984-ba25-6cf93d8fdbac","id":"dls_01htjex3p4e54rgd63kcyrq0eg","message_id":"tx_01htjet67afxhta23j7dtekneh","price":{"amount":"0.03","currency":"EUR"},"mcc":"208","mnc":"01","status":"failed","reason":"carrier_rejected","correlation_id":"8709c4f8-78b4-4a3c-8167-e99164424d0f"}}', _REJECTED),  # noqa: E501
    Document(Provider.PRELUDE, '{"id":"evt_01htjex3pre54tywgzsdg1jnbn","type":"transactional.message.created","payload":{"id":"tx_01htjet67afxhta23j7dtekneh","to":"+3361234567","created_at":"2024-04-03T17:08:01.349000489Z","expires_at":"2024-04-03T17:08:01.349000489Z","customer_uuid":"90c7e8b2-203a-4984-ba25-6cf93d8fdbac","variables":{"name":"John"},"fee":{"amount":"0.009","currency":"EUR"},"correlation_id":"8709c4f8-78b4-4a3c-8167-e99164424d0f","template_id":"template_01hp78bjhcef9tej1tgcg0cpq2"},"created_at":"2024-04-03T17:08:01.36881397Z"}', None, Confirmation.ACCEPTED),  # noqa: E501
    Document(Provider.TREBLE, '{"event_type":"deployment.failure","event_id":"5f8d7e6a5f8d7e6a5f8d7e6b","timestamp":"2024-09-10T12:34:56.789Z","failure_reason":"FAILURE_BY_OPTOUT_CONTACT","conversation_id":12345,"batch_id":"b-1","country_code":"+57","cellphone":"3161234567"}', _OPTED_OUT),  # noqa: E501
    Document(Provider.TREBLE, '{"event_type":"hsm.status","event_id":"5f8d7e6a5f8d7e6a5f8d7e6a","timestamp":"2024-09-10T12:34:56.789Z","status":"APPROVED","name":"welcome_message","affected_conversation_ids":[12345,67890]}'),  # noqa: E501
)
# fmt: on

_TIMES = frozenset({"timestamp", "failedAt", "bouncedAt", "time", "created_at", "expires_at", "scheduled_at"})


def redated(text: str, at: Micros) -> Body:
    """Return a document's payload as if it were sent at a moment: a suppression of the year 2024 would be over."""
    body: Body = _redated(orjson.loads(text), at)
    return body


def _redated(value: Any, at: Micros) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, Mapping):
        return value
    return {
        name: (at // 1000 if isinstance(part, int) else iso(at)) if name in _TIMES else _redated(part, at)
        for name, part in value.items()
    }
