"""The classifier against the labelled corpus that lies beside the repository: writes docs/classification-report.md.

`python -m benchmarks.classification` also prints what a classification costs.
"""

import csv
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from app.classify import MAPPING_VERSION, Verdict, classify_diagnostic
from app.vocabulary import Attribution, Reason

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "facts" / "corpus" / "email-diagnostics.jsonl"
PREFACE = ROOT / "benchmarks" / "classification_preface.md"
ARGUMENTS = ROOT / "benchmarks" / "classification_arguments.csv"
PAGE = ROOT / "docs" / "classification-report.md"
PASSES = 10

EXPECTED = {
    Attribution.RECIPIENT: "filtered hasmoved hostunknown mailboxfull notaccept suspend userunknown",
    Attribution.SENDER: "authfailure blocked norelaying rejected requireptr securityerror speeding toomanyconn",
    Attribution.CONTENT: (
        "contenterror exceedlimit mesgtoobig notcompliantrfc policyviolation spamdetected syntaxerror virusdetected"
    ),
    Attribution.CARRIER: "expired mailererror networkerror systemerror",
}
"""Whose fault a label of Sisimai's means, read strictly; `onhold` says that it does not know."""
LASTING_LABELS = frozenset({"userunknown", "hostunknown", "hasmoved", "suspend", "notaccept"})

SHOWN = 110
"""Characters of a diagnostic that the page quotes."""


class Bounce(NamedTuple):
    """A line of the corpus."""

    line: int
    diagnostic: str
    status: str
    reply: str
    label: str
    suppress: str


Judge = Callable[[Bounce], bool]


def bounces() -> list[Bounce]:
    """The corpus in its order."""
    records = map(json.loads, CORPUS.read_text("utf-8").splitlines())
    return [
        Bounce(line, each["diagnostic"], each["status"] or "", each["replycode"] or "", each["label"], each["suppress"])
        for line, each in enumerate(records, start=1)
    ]


def verdict_of(bounce: Bounce) -> Verdict:
    """Judged with the codes that came in fields of their own."""
    return classify_diagnostic(bounce.diagnostic, status=bounce.status, reply=bounce.reply)


def _by_text(bounce: Bounce) -> bool:
    return classify_diagnostic(bounce.diagnostic).suppresses


def _by_fields(bounce: Bounce) -> bool:
    return verdict_of(bounce).suppresses


def _any_5xx(bounce: Bounce) -> bool:
    given = classify_diagnostic(bounce.diagnostic)
    return (bounce.reply or given.smtp_reply or bounce.status or given.smtp_enhanced).startswith("5")


def _by_label(bounce: Bounce) -> bool:
    return bounce.label in LASTING_LABELS


JUDGES: dict[str, Judge] = {
    "undelivered, text and codes in fields": _by_fields,
    "undelivered, text alone": _by_text,
    "any 5xx is hard": _any_5xx,
    "Sisimai's label": _by_label,
}


def page(corpus: list[Bounce]) -> str:
    """The report as Markdown; the same corpus and mapping give the same page."""
    found = [*_suppression(corpus), *_attribution(corpus), *_disagreements(corpus)]
    return PREFACE.read_text("utf-8") + "\n".join(found)


def _suppression(corpus: list[Bounce]) -> list[str]:
    lines = [
        "## Suppress or not",
        "",
        f"{len(corpus)} lines, mapping {MAPPING_VERSION}. False: suppressed though the reader says no. Missed: not",
        "suppressed though the reader says yes. Lines of which the reader is not sure count nowhere here.",
        "",
        "| rule | lines | false suppressions | missed |",
        "|---|---|--:|--:|",
    ]
    halves = {"all": corpus, "even": corpus[1::2], "odd": corpus[::2]}
    for name, judge in JUDGES.items():
        for half, part in halves.items():
            spared = [judge(bounce) for bounce in part if bounce.suppress == "no"]
            dead = [not judge(bounce) for bounce in part if bounce.suppress == "yes"]
            lines.append(f"| {name} | {half} | {_share(spared)} | {_share(dead)} |")
    unknown = [verdict_of(bounce).reason is Reason.UNKNOWN for bounce in corpus]
    return [*lines, "", f"Reason `unknown`: {_share(unknown)}.", ""]


def _share(flags: Iterable[bool]) -> str:
    found = list(flags)
    return f"{sum(found)} of {len(found)} ({100 * sum(found) / len(found):.1f} %)"


def _attribution(corpus: list[Bounce]) -> list[str]:
    lines = [
        "## Whose fault, by label",
        "",
        "The corpus does not say whose fault a failure was. What a label means, read strictly, stands in",
        "`benchmarks/classification.py`. Agreement on suppression counts the lines of which the reader is sure.",
        "",
        "| label | expected | agree on fault | agree on suppression | judged as |",
        "|---|---|--:|--:|---|",
    ]
    for label in sorted({bounce.label for bounce in corpus}):
        part = [bounce for bounce in corpus if bounce.label == label]
        expected = _expected(label)
        faults = Counter(verdict_of(bounce).attribution for bounce in part)
        sure = [bounce for bounce in part if bounce.suppress != "unknown"]
        agreed = sum(_by_fields(bounce) == (bounce.suppress == "yes") for bounce in sure)
        shown = ", ".join(f"{fault} {count}" for fault, count in faults.most_common())
        fault = f"{faults[expected]} of {len(part)}" if expected else ""
        lines.append(f"| {label} | {expected or 'not said'} | {fault} | {agreed} of {len(sure)} | {shown} |")
    said = [bounce for bounce in corpus if _expected(bounce.label)]
    agreeing = [verdict_of(bounce).attribution is _expected(bounce.label) for bounce in said]
    return [*lines, "", f"Agreement on fault over all labels: {_share(agreeing)}.", ""]


def _expected(label: str) -> Attribution | None:
    return next((fault for fault, labels in EXPECTED.items() if label in labels.split()), None)


def _disagreements(corpus: list[Bounce]) -> list[str]:
    about_suppression = [
        bounce
        for bounce in corpus
        if bounce.suppress != "unknown" and not _by_fields(bounce) == _by_text(bounce) == (bounce.suppress == "yes")
    ]
    about_fault = [
        bounce
        for bounce in corpus
        if (fault := _expected(bounce.label)) and verdict_of(bounce).attribution is not fault
    ]
    return [
        "## Every disagreement on suppression, argued",
        "",
        *map(_argued, about_suppression),
        "",
        "## Every disagreement on fault, argued",
        "",
        *map(_argued, about_fault),
        "",
    ]


def _argued(bounce: Bounce) -> str:
    verdict = verdict_of(bounce)
    text = " ".join(bounce.diagnostic.replace("`", "'").split())
    said = text if len(text) <= SHOWN else f"{text[:SHOWN]} …"
    judgement = f"{verdict.attribution}, {verdict.reason}, suppress: {'yes' if verdict.suppresses else 'no'}"
    return (
        f"- Line {bounce.line}, `{bounce.label}`, reader: {bounce.suppress}. `{said}`  \n"
        f"  Judged {judgement}. {_argument(bounce.diagnostic)}"
    )


def _argument(diagnostic: str) -> str:
    """Why the answer is kept, found by words of the diagnostic."""
    with ARGUMENTS.open(encoding="utf-8", newline="") as file:
        fitting = [each["argument"] for each in csv.DictReader(file) if each["words"] in diagnostic]
    return fitting[0] if fitting else "Not argued yet."


def cost(corpus: list[Bounce]) -> tuple[float, float]:
    """Microseconds of CPU a diagnostic: over ten passes in random order with the cache, and when it is new."""
    texts = [bounce.diagnostic for bounce in corpus]
    shuffled = texts * PASSES
    random.Random(5).shuffle(shuffled)  # noqa: S311 - an order, no secret
    unseen = [f"{text} {number}" for number in range(PASSES) for text in texts]
    return _microseconds([f" {text}" for text in shuffled]), _microseconds(unseen)


def _microseconds(texts: list[str]) -> float:
    started = time.process_time()
    for text in texts:
        classify_diagnostic(text)
    return (time.process_time() - started) / len(texts) * 1e6


def main() -> None:
    """Write the page, or say why not."""
    if not CORPUS.is_file():
        sys.exit(f"{CORPUS.name} is not here: it lies beside the repository, in shared/facts/corpus")
    corpus = bounces()
    PAGE.write_text(page(corpus), "utf-8")
    again, new = cost(corpus)
    print(f"{PAGE.relative_to(ROOT)} written for mapping {MAPPING_VERSION}")  # noqa: T201 - the output of the command
    print(f"{PASSES} passes in random order, with cache: {again:.1f} µs of CPU each; never seen: {new:.1f} µs each")  # noqa: T201


if __name__ == "__main__":
    main()
