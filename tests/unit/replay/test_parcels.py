from app.events import SuppressionRequested
from app.replay.difference import OLDER, Change, Fate
from app.replay.parcels import Correction, Parcel, parcels
from app.replay.states import ALLOWED, State
from tests.unit.domain.samples import T0, asked

SUPPRESSED = State("suppressed", "invalid_recipient")
LIFT = asked("q1", T0, "lift", channel="sms")
SUPPRESS = asked("q2", T0, "suppress", channel="whatsapp")
SMS = Correction("e1", "sms", b"1")
WHATSAPP = Correction("e2", "whatsapp", b"2")


def change(channel: str, fate: Fate, *requests: SuppressionRequested) -> Change:
    why = OLDER if fate is Fate.KEPT else ""
    return Change("acme", channel, "+601", SUPPRESSED, ALLOWED, ("e",), fate, why, requests)


def test_all_about_a_recipient_is_in_one_parcel() -> None:
    """Also corrections that change no state, and those of messages without a recipient."""
    corrections = {"acme/~treble/m": {(9, 9): WHATSAPP}, "acme/+601": {(1, 1): SMS, (2, 2): WHATSAPP}}
    changes = [change("sms", Fate.CHANGES, LIFT), change("whatsapp", Fate.CHANGES, SUPPRESS)]
    assert list(parcels(corrections, changes)) == [
        Parcel("acme/+601", (SMS, WHATSAPP), (LIFT, SUPPRESS)),
        Parcel("acme/~treble/m", (WHATSAPP,), ()),
    ]


def test_what_is_so_already_is_corrected_all_the_same() -> None:
    assert list(parcels({"acme/+601": {(1, 1): SMS}}, [change("sms", Fate.ALREADY_SO)])) == [
        Parcel("acme/+601", (SMS,), ())
    ]


def test_a_channel_that_is_kept_is_left_alone() -> None:
    """The recipient's other channel is not."""
    corrections = {"acme/+601": {(1, 1): SMS, (2, 2): WHATSAPP}, "acme/+602": {(3, 3): SMS}}
    kept = [change("sms", Fate.KEPT), change("sms", Fate.KEPT)._replace(recipient="+602")]
    assert list(parcels(corrections, [*kept, change("whatsapp", Fate.CHANGES, SUPPRESS)])) == [
        Parcel("acme/+601", (WHATSAPP,), (SUPPRESS,))
    ]
