import os
from pathlib import Path

import pytest

from app.demo.processes import prepared
from app.vocabulary import Provider


def test_settings_come_from_the_demo_alone_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's own settings are for their own cluster."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "undelivered.toml").write_text("partitions = 7")
    monkeypatch.setenv("UNDELIVERED_REPLICATION", "3")
    before = dict(os.environ)

    with prepared("127.0.0.1:9", tmp_path, 4.0) as product:
        settings, addresses, secrets = product.settings, product.addresses, product.secrets

    assert os.environ == before
    assert (settings.partitions, settings.replication) == (4, 1)
    assert (settings.parked_wait_s, settings.quiet_s) == (4.0, 2.0)
    assert {name: (each.tenant, each.provider) for name, each in settings.endpoints.items()} == {
        "acme-teekrr": ("acme", Provider.TEEKRR),
        "acme-webex-interact": ("acme", Provider.WEBEX_INTERACT),
        "acme-prelude": ("acme", Provider.PRELUDE),
        "acme-treble": ("acme", Provider.TREBLE),
        "bistro-teekrr": ("bistro", Provider.TEEKRR),
    }
    assert addresses.webhook_url(secrets, "bistro", Provider.TEEKRR).endswith("/v1/webhooks/teekrr/bistro-teekrr")
    assert addresses.webhook_url(secrets, "acme", Provider.TREBLE).endswith(f"/v1/webhooks/treble/{secrets.treble}")
