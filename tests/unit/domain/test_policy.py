from pathlib import Path

import pytest

from app.domain.clock import DAY
from app.domain.policy import Rule, load_policy, parse_policy
from app.errors import SettingsError
from tests.unit.domain.samples import POLICY, T0

TRANSIENT = Rule(suppress=True, failures=5, within=30 * DAY, distinct_days=3, days=7, growth=1, longest_days=7)
PERMANENT = TRANSIENT._replace(failures=1, distinct_days=1, days=30, growth=2, longest_days=480)
EMAIL = PERMANENT._replace(days=90, longest_days=720)


@pytest.mark.parametrize(
    ("channel", "permanence", "rule"),
    [
        ("email", "PERMANENT", EMAIL),
        ("sms", "PERMANENT", PERMANENT),
        ("whatsapp", "PERMANENT", PERMANENT),
        ("email", "TRANSIENT", TRANSIENT),
        ("sms", "TRANSIENT", TRANSIENT),
    ],
)
def test_the_built_in_rules(channel: str, permanence: str, rule: Rule) -> None:
    """Permanent failures suppress at the first for 90 or 30 days, transient ones after 5 on 3 days for 7 days."""
    assert POLICY.for_("acme", channel, "invalid_recipient", permanence) == rule


def test_tiers_grow_to_a_limit() -> None:
    """A relapse doubles the days until the longest; without growth every time is as long."""
    assert [(EMAIL.until(T0, tier) or 0) - T0 for tier in (1, 2, 3, 4, 5, 99)] == [
        days * DAY for days in (90, 180, 360, 720, 720, 720)
    ]
    assert TRANSIENT.until(T0, 3) == T0 + 7 * DAY
    assert EMAIL._replace(days=None).until(T0, 1) is None


def test_a_later_rule_replaces_the_keys_it_names() -> None:
    """Rules of a file apply by tenant, channel, reason and permanence, each only to the keys it sets."""
    policy = parse_policy(
        """
        [[rule]]
        tenant = "acme"
        reason = "mailbox_full"
        failures = 3
        [[rule]]
        channel = "sms"
        reason = "mailbox_full"
        suppress_days = "unlimited"
        """,
        "p.toml",
    )
    assert policy.for_("acme", "email", "mailbox_full", "TRANSIENT") == TRANSIENT._replace(failures=3)
    assert policy.for_("acme", "sms", "mailbox_full", "TRANSIENT") == TRANSIENT._replace(failures=3, days=None)
    assert policy.for_("other", "sms", "mailbox_full", "TRANSIENT") == TRANSIENT._replace(days=None)
    assert policy.for_("acme", "sms", "expired", "TRANSIENT") == TRANSIENT


def test_only_a_rule_that_names_opt_outs_silences_them() -> None:
    """A tenant who suppresses nobody for failures still honours opt-outs, unless a rule says so by name."""
    general = parse_policy('[[rule]]\ntenant = "acme"\nsuppress = false', "p.toml")
    assert not general.for_("acme", "sms", "invalid_recipient", "PERMANENT").suppress
    assert general.for_("acme", "sms", "recipient_opted_out", "PERMANENT").suppress
    named = parse_policy('[[rule]]\nchannel = "whatsapp"\nreason = "recipient_opted_out"\nsuppress = false', "p.toml")
    assert not named.for_("acme", "whatsapp", "recipient_opted_out", "PERMANENT").suppress
    assert named.for_("acme", "sms", "recipient_opted_out", "PERMANENT").suppress


def test_rules_for_words_that_anybody_can_make_up_are_not_kept_for_ever() -> None:
    """Ten thousand are, the answers stay the same."""
    policy = load_policy(None)
    for number in range(25_000):
        assert policy.for_("acme", "email", f"novel_{number}", "PERMANENT") == EMAIL
    assert len(policy._found) <= 10_000


def test_dry_run_is_by_tenant() -> None:
    """Named tenants, or all with a star, are in dry run."""
    assert not POLICY.is_dry_run("acme")
    some = parse_policy('[dry_run]\ntenants = ["acme"]', "p.toml")
    assert (some.is_dry_run("acme"), some.is_dry_run("other")) == (True, False)
    assert parse_policy('[dry_run]\ntenants = ["*"]', "p.toml").is_dry_run("other")


def test_the_version_tells_policies_apart() -> None:
    """The same content has the same version, whatever its comments; another content has another."""
    assert parse_policy("# nothing new\n", "p.toml").version == POLICY.version
    assert parse_policy("[memory]\ndays_at_least = 15", "p.toml").version != POLICY.version


def test_rules_for_words_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    """What is kept is thrown away now and then, and found again."""
    policy = parse_policy("", "p.toml")
    rule = policy.for_("acme", "sms", "invalid_recipient", "PERMANENT")
    for number in range(25_000):
        policy.for_(f"t{number}", "sms", "invalid_recipient", "PERMANENT")
    assert len(policy._found) <= 10_000
    assert policy.for_("acme", "sms", "invalid_recipient", "PERMANENT") == rule


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = = 3", "p.toml:1:5: expected TOML, Invalid value"),
        ('\n[memory]\ndays_at_least = "9"', "p.toml:3: memory.days_at_least: Input should be a valid integer"),
        ("[memory]\nids_at_most = 5", "p.toml:1: memory: ids_at_most: expected at least ids_at_least"),
        ("[memory]\ngood_news_days = 14", "p.toml:1: memory: good_news_days: expected more than days_at_least"),
        ("[clock]\nlate_days = 45", "p.toml:1: clock: late_days: expected less than memory.good_news_days"),
        ("[memory]\ngood_news_days = 30", "p.toml: clock: late_days: expected less than memory.good_news_days"),
        ("[clock]\nahead_minute = 5", "p.toml:2: clock.ahead_minute: Extra inputs are not permitted"),
        ("memory = 3", "p.toml:1: memory: expected a table"),
        ("rule = 3", "p.toml:1: rule: expected [[rule]] tables"),
        ("[rule]\nfailures = 3", "p.toml:1: rule: expected [[rule]] tables"),
        ("[[rule]]\n[[rule]]\nfailures = 17", "p.toml:3: rule.failures: Input should be less than or equal to 16"),
        ("[[rule]]\nsuppress_days = 0", 'p.toml:2: rule.suppress_days: expected 1 to 3650, or "unlimited"'),
        ('[[rule]]\nreason = "nope"', "p.toml:2: rule.reason: expected a word of the vocabulary of reasons"),
        (
            '[[rule]]\nreason = "recipient_opted_out"\nsuppress_days = 9',
            "p.toml:1: rule: recipient_opted_out counts at once and has no end, expected no key but suppress",
        ),
        (
            '[[rule]]\npermanence = "UNDETERMINED"',
            "p.toml:1: rule: UNDETERMINED failures never suppress, expected PERMANENT or TRANSIENT",
        ),
        (
            '[[rule]]\nreason = "recipient_suppressed"',
            "p.toml:1: rule: recipient_suppressed is an echo of a suppression and takes no rule",
        ),
        (
            "[[rule]]\nfailures = 0\nnope = 1",
            (
                "p.toml:2: rule.failures: Input should be greater than or equal to 1\n"
                "p.toml:3: rule.nope: Extra inputs are not permitted"
            ),
        ),
    ],
)
def test_an_error_names_line_and_key(text: str, error: str) -> None:
    """Whoever wrote the file finds the place."""
    with pytest.raises(SettingsError) as caught:
        parse_policy(text, "p.toml")
    assert str(caught.value) == error


def test_a_file_is_read_by_name(tmp_path: Path) -> None:
    """A file that is missing, or no UTF-8, is a SettingsError with its name."""
    path = tmp_path / "own.toml"
    with pytest.raises(SettingsError, match=r"^own\.toml: No such file"):
        load_policy(path)
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"^own\.toml: expected TOML in UTF-8$"):
        load_policy(path)
    path.write_text("[alerts]\nwindow_minutes = 10\n", encoding="utf-8")
    assert load_policy(path).alerts.window_minutes == 10
