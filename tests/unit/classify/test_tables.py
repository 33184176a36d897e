"""A broken data file stops the start with file and line, and the version names the data."""

import pytest

from app.classify import MAPPING_VERSION
from app.classify.codes import ROWS, build_families, build_index
from app.classify.phrases import PhraseBook
from app.classify.receivers import build_receiver_rows, covered_codes
from app.classify.tables import COLUMNS, Row, Source, expand, mapping_version, parse_table
from app.errors import TableOfCodesError

HEADER = ",".join(COLUMNS)
GOOD = "1,title,meaning,sender,permanent,no,rate_limited,source"
SOURCE = Source("made_up", "x", prefixed=True)


def _rows(*lines: str) -> list[Row]:
    return parse_table(SOURCE, "\n".join([HEADER, *lines]) + "\n")


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([GOOD.replace("sender", "postman")], "made_up.csv:2: unknown word"),
        ([GOOD.replace("permanent", "eternal")], "made_up.csv:2: unknown word"),
        ([GOOD.replace("rate_limited", "rate")], "made_up.csv:2: unknown word"),
        ([GOOD.replace(",no,", ",perhaps,")], "made_up.csv:2: retriable is 'perhaps'"),
        ([GOOD, "2" + GOOD[1:], GOOD], "made_up.csv:4: code 1 stands here twice"),
        ([GOOD, GOOD + ",more"], "made_up.csv:3: 9 fields instead of 8"),
        ([GOOD[1:]], "made_up.csv:2: the code or its namespace is missing"),
        ([GOOD.replace("title", '"open')], "made_up.csv:2: "),
        ([GOOD.replace("sender", "recipient")], "made_up.csv:2: rate_limited is no permanent state of a recipient"),
    ],
)
def test_a_broken_row_is_refused_with_file_and_line(lines: list[str], error: str) -> None:
    with pytest.raises(TableOfCodesError) as raised:
        _rows(*lines)
    assert str(raised.value).startswith(error)


def test_other_columns_are_refused() -> None:
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:1: the columns must be code"):
        parse_table(SOURCE, "code,title\n")


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:2: the range 9-3 is empty or too wide"):
        build_index(_rows("9-3" + GOOD[1:]))


def test_two_ranges_that_overlap_are_refused() -> None:
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:3: 15 lies in two ranges"):
        build_index(_rows("10-15" + GOOD[1:], "15-20" + GOOD[1:]))


def test_a_family_that_could_suppress_is_refused() -> None:
    rows = _rows("1-5,t,m,recipient,permanent,no,invalid_recipient,s")
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:2: a family must not suppress"):
        build_families(rows)


def test_a_broken_pattern_is_refused() -> None:
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:2: broken pattern"):
        build_receiver_rows(_rows(GOOD.replace("title", "(open")))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("nobody,user unknown,", "made_up.csv:2: there is no rule nobody"),
        ("1,{user unknown,", "made_up.csv:2: the phrase '{user unknown' is malformed or needs no word"),
        ("1,[user] ..,", "made_up.csv:2: the phrase"),
        ("1,User unknown,", "made_up.csv:2: the phrase"),
        ("1,,", "made_up.csv:2: the phrase"),
    ],
)
def test_a_broken_phrase_is_refused_with_file_and_line(line: str, error: str) -> None:
    with pytest.raises(TableOfCodesError) as raised:
        PhraseBook(_rows(GOOD), SOURCE, f"rule,phrase,codes\n{line}\n")
    assert str(raised.value).startswith(error)


def test_a_rule_without_a_phrase_and_a_phrase_that_stands_twice_are_refused() -> None:
    with pytest.raises(TableOfCodesError, match="rules without a phrase: 1"):
        PhraseBook(_rows(GOOD), SOURCE, "rule,phrase,codes\n")
    with pytest.raises(TableOfCodesError, match=r"made_up.csv:3: this phrase stands here twice"):
        PhraseBook(_rows(GOOD), SOURCE, "rule,phrase,codes\n1,user unknown,\n1,user unknown,\n")


@pytest.mark.parametrize(
    ("code", "first", "last", "count"),
    [("200-299", "200", "299", 100), ("5.7.606-649", "5.7.606", "5.7.649", 44), ("5.1.1", "5.1.1", "5.1.1", 1)],
)
def test_ranges_are_expanded(code: str, first: str, last: str, count: int) -> None:
    codes = expand(_rows(code + GOOD[1:])[0])
    assert (codes[0], codes[-1], len(codes)) == (first, last, count)


@pytest.mark.parametrize(
    ("code", "covered"),
    [
        ("outlook:5.7.12/124/133-136", ["5.7.12", "5.7.124", "5.7.133", "5.7.134", "5.7.135", "5.7.136"]),
        ("gmail:5.2.1/receiving-rate", ["5.2.1"]),
        ("yahoo:554/gone", ["554"]),
        ("yahoo:rfc", [""]),
        ("outlook:5.7.501-503", ["5.7.501", "5.7.502", "5.7.503"]),
    ],
)
def test_the_codes_of_a_receivers_row(code: str, covered: list[str]) -> None:
    assert [covered_codes(row) for row in ROWS if row.name == f"smtp_enhanced:{code}"] == [covered]


def test_the_version_changes_with_the_tables_only() -> None:
    assert mapping_version(["treble", "prelude"]) == mapping_version(["prelude", "treble"])
    assert mapping_version(["treble"]) != mapping_version(["prelude"])
    revision, _, digest = MAPPING_VERSION.partition(".")
    assert (revision.isdecimal(), len(digest)) == (True, 12)
