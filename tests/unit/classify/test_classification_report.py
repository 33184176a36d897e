"""The kept report says what the classifier does now; see `make classify-report`."""

import pytest

from app.vocabulary import Attribution
from benchmarks.classification import ARGUMENTS, CORPUS, EXPECTED, PAGE, bounces, page

in_place = pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus lies outside the repository and is not here")


@in_place
def test_the_report_is_that_of_the_present_tables() -> None:
    assert PAGE.read_text("utf-8") == page(bounces()), "run make classify-report and read what changed"


@in_place
def test_every_disagreement_is_argued() -> None:
    assert "Not argued yet" not in PAGE.read_text("utf-8")
    assert ARGUMENTS.is_file()


def test_a_label_means_one_fault() -> None:
    labels = " ".join(EXPECTED.values()).split()
    assert len(labels) == len(set(labels)) == 27
    assert Attribution.UNKNOWN not in EXPECTED
