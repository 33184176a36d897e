"""Finds what a text says by phrases of whole words, in time that grows with the text, not with the number of phrases.

A phrase is words in lower case. ``{a|b c}`` is one of several, ``[a]`` may be missing, ``..`` is a gap of up to five
words. There is nothing to repeat without bound, so no text can make a match slow. A phrase is tried only if its rarest
word, its key, is in the text. Of scripts that put no space between words every letter counts as a word.
"""

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from app.classify.tables import LONGEST_TEXT, Row, Source, broken, csv_rows
from app.classify.verdict import Verdict
from app.vocabulary import Confidence

PHRASE_COLUMNS = ("rule", "phrase", "codes")

_GAP = r"(?:\S+ ){0,5}?"
_ELEMENT = re.compile(r"\{([^{}\[\]]+)\}|\[([^{}\[\]]+)\]|(\.\.)|([^\s{}\[\]|]+)")
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
"""The same words in a text of ASCII, in two thirds of the time."""

_ADDRESS = re.compile(r"(?<![^\s<>()\[\],;:\"'])[^\s<>()\[\],;:\"'@]{1,64}@(?:[^\s<>()\[\],;:\"'.]|\.(?!\.)){1,255}")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
"""Letters of Japanese and Chinese, which write no space between words."""

_FRAMES = ("remote host said", "giving up on")
"""What a sending system puts around the answer it quotes; none of its words are the receiver's."""

_HOST = re.compile(
    r"\b(?:host|(connect to|(?:connection|conversation) with|talking to)) [\w.-]{1,253}(?: ?\[[\da-f.:]{2,45}\]|\.:)",
    re.IGNORECASE,
)
"""A host that answered or did not; what it is called says nothing (``host mx.spam-filter.net[192.0.2.1] said:``)."""

_SUBJECT = re.compile(r"\bsubject:.{0,60}")
"""The subject of our own message, which may say anything."""

_REPEATED_CODE = re.compile(r"[245](?<!\d[245])\d\d(?:-|[- ]#?(?=[245]\.\d))(?:[245]\.\d{1,3}\.\d{1,3})?")


class Words(NamedTuple):
    """A text as its words."""

    joined: str
    """The words with a space before and after each."""
    distinct: frozenset[str]


class Phrase(NamedTuple):
    """One wording of a rule."""

    line: int
    written: str
    """As it stands in its table."""
    rank: int
    """Rules are tried in the order of their file."""
    literal: str
    """The phrase as words, when it has no choices; otherwise empty."""
    pattern: re.Pattern[str] | None
    codes: frozenset[str]
    """Enhanced or basic codes, or classes (``5``), of which the text must carry one; empty: any."""
    verdict: Verdict

    def said_in(self, words: Words, codes: frozenset[str]) -> bool:
        """Whether the text says this, under one of the codes that the phrase asks for."""
        if self.codes and not self.codes & codes:
            return False
        if self.pattern is None:
            return self.literal in words.joined
        return self.pattern.search(words.joined) is not None


def split_words(text: str) -> Words:
    """The words of a text: lower case, without accents, apostrophes, addresses and repeated reply codes."""
    text = text[:LONGEST_TEXT].lower()
    if not text.isascii():
        text = plain_letters(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")[:LONGEST_TEXT])
    text = text.replace("\\r", " ").replace("\\n", " ").replace("'", "").replace("e-mail", "email")
    for frame in _FRAMES:
        if frame in text:
            text = text.replace(frame, " ")
    if "subject:" in text:
        text = _SUBJECT.sub(" ", text)
    if "@" in text:
        text = _ADDRESS.sub(" addr ", text)
    word = _ASCII_WORD if text.isascii() else _WORD
    found = word.findall(_REPEATED_CODE.sub(" ", text))
    return Words(f" {' '.join(found)} ", frozenset(found))


def without_hosts(text: str) -> str:
    """The text without the names of the hosts that answered."""
    return _HOST.sub(r"\1 ", text) if "[" in text or ".:" in text else text


def plain_letters(text: str) -> str:
    """Without accents, and with a space around every letter of a script that writes none."""
    decomposed = unicodedata.normalize("NFD", text)[:LONGEST_TEXT]
    return _UNSPACED.sub(r" \g<0> ", "".join(letter for letter in decomposed if not unicodedata.combining(letter)))


class PhraseBook:
    """Rules in order, each with its wordings; built once from two tables.

    ``elsewhere`` are rules of the same table whose wordings another book holds.
    """

    def __init__(
        self, rules: list[Row], source: Source, phrases_text: str, elsewhere: frozenset[str] = frozenset()
    ) -> None:
        ranks = {row.code: rank for rank, row in enumerate(rules)}
        parsed: list[tuple[Phrase, list[list[str]]]] = []
        seen: set[tuple[str, str]] = set()
        for line, fields in csv_rows(source.table, phrases_text, PHRASE_COLUMNS):
            rank = ranks.get(fields["rule"])
            if fields["rule"] in elsewhere:
                continue
            if rank is None:
                raise broken(source.table, line, f"there is no rule {fields['rule']}")
            if (fields["phrase"], fields["codes"]) in seen:
                raise broken(source.table, line, "this phrase stands here twice")
            seen.add((fields["phrase"], fields["codes"]))
            places = parse_phrase(fields["phrase"])
            if not required_places(places):
                raise broken(source.table, line, f"the phrase {fields['phrase']!r} is malformed or needs no word")
            parsed.append((phrase_of(line, fields["phrase"], rank, rules[rank], fields["codes"]), places))
        if missing := sorted(ranks.keys() - {rules[phrase.rank].code for phrase, _ in parsed}):
            raise broken(source.table, 1, f"rules without a phrase: {', '.join(missing)}")
        parsed.sort(key=lambda pair: pair[0].rank)
        self._phrases = [phrase for phrase, _ in parsed]
        self._by_key = index_by_key([places for _, places in parsed])
        self._keys = frozenset(self._by_key)

    def find(self, words: Words, codes: frozenset[str]) -> Verdict | None:
        """The verdict of the first rule that the text says, or None."""
        for phrase in self.tried(words):
            if phrase.said_in(words, codes):
                return phrase.verdict
        return None

    def tried(self, words: Words) -> list[Phrase]:
        """The phrases whose key the text has, in the order of their rules."""
        places = {place for key in words.distinct & self._keys for place in self._by_key[key]}
        return [self._phrases[place] for place in sorted(places)]


def phrase_of(line: int, written: str, rank: int, row: Row, codes: str) -> Phrase:
    """A well-formed phrase, ready to be looked for; ``codes`` are separated by spaces."""
    places = parse_phrase(written)
    plain = all(len(choices) == 1 and choices != [".."] for choices in places)
    return Phrase(
        line,
        written,
        rank,
        f" {' '.join(choices[0] for choices in places)} " if plain else "",
        None if plain else compile_phrase(places),
        frozenset(codes.split()),
        Verdict(row.reason, row.attribution, row.permanence, Confidence.TEXT, "", decided_by=row.name),
    )


def parse_phrase(phrase: str) -> list[list[str]]:
    """The choices at each place of a phrase; ``""`` among them means that the place may be empty, ``..`` is a gap.

    Malformed phrases give no places at all.
    """
    if not phrase.isascii():
        phrase = plain_letters(phrase)
    places: list[list[str]] = []
    end = 0
    for element in _ELEMENT.finditer(phrase):
        if phrase[end : element.start()].strip():
            return []
        end = element.end()
        one_of, optional, gap, word = element.groups()
        if optional:
            places.append(["", *_choices(optional)])
        else:
            places.append(_choices(one_of) if one_of else [gap or word])
    words = [word for choices in places for choice in choices if choice != ".." for word in choice.split()]
    malformed = phrase[end:].strip() or any(_WORD.fullmatch(word) is None or word != word.lower() for word in words)
    return [] if malformed else places


def _choices(listed: str) -> list[str]:
    return [" ".join(choice.split()) for choice in listed.split("|")]


def required_places(places: list[list[str]]) -> list[list[str]]:
    """The places of which every wording of the phrase takes one choice."""
    return [choices for choices in places if "" not in choices and choices != [".."]]


def index_by_key(phrases: list[list[list[str]]]) -> dict[str, list[int]]:
    """The phrases, by number, under the words of which a text must have one to say them.

    Each phrase stands under the words of one place, the one whose words are in the fewest other phrases.
    """
    uses = Counter(word for places in phrases for choices in places for choice in choices for word in choice.split())

    def rarity(word: str) -> tuple[int, int]:
        return -uses[word], len(word)

    index: dict[str, list[int]] = {}
    for number, places in enumerate(phrases):
        keys = [[max(choice.split(), key=rarity) for choice in choices] for choices in required_places(places)]
        for key in set(max(keys, key=lambda words: min(map(rarity, words)))):
            index.setdefault(key, []).append(number)
    return index


def compile_phrase(places: list[list[str]]) -> re.Pattern[str]:
    """The pattern of a phrase over joined words."""
    parts = [" "]
    for choices in places:
        if choices == [".."]:
            parts.append(_GAP)
        elif choices[0]:
            parts.append(f"(?:{'|'.join(choices)}) ")
        else:
            parts.append(f"(?:(?:{'|'.join(choices[1:])}) )?")
    return re.compile("".join(parts))
