"""Markdown for people and for language models: conflicts first, with all their sides.

What comes from the base is escaped, so that no quote can begin a heading, a link or HTML.
The last line has the counts: a file without it was cut off.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from app.exports.edition import Edition
from app.identifiers import Prefix, number_of
from app.queries.claim_stream import ClaimStream
from app.queries.records import Record

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$^])")
# One that could begin a block where a line is wrapped or a paragraph starts.
_FIRST = re.compile(r"^([-+=!]|\d+(?=[.)]))")
_NOTHING = {"certainty": "asserted", "frequency": "unspecified", "exclusivity": "unspecified"}
SIDES_AT_ONCE = 200


def escaped(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    line = " ".join(text.split())
    line = _SPECIAL.sub(r"\\\1", line)
    if re.match(r"\d+[.)]", line):
        return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    return _FIRST.sub(r"\\\1", line)


def write_markdown(stream: ClaimStream, edition: Edition) -> Iterator[bytes]:
    for piece in _pieces(stream, edition):
        yield ("\n".join(piece) + "\n").encode()


def _pieces(stream: ClaimStream, edition: Edition) -> Iterator[list[str]]:
    places = _Places()
    yield list(_head(stream, edition))
    yield from _conflicts(stream, edition, places)
    yield from _claims(stream, edition, places)
    yield ["## Documents", ""]
    for batch in stream.documents():
        yield [line for record in batch for line in _document(record)]
    yield ["", f"End of the export: {_counts(stream)}."]


def _counts(stream: ClaimStream) -> str:
    claims, citations, _ = stream.totals
    return f"{claims} claims, {citations} citations, change {stream.change.number}"


def _head(stream: ClaimStream, edition: Edition) -> Iterator[str]:
    condition = edition.condition
    yield f"# {escaped(condition['name'])}" if condition else "# Claims"
    yield ""
    yield f"> {escaped(edition.disclaimer)}"
    yield ""
    if condition:
        if condition["description"]:
            yield escaped(condition["description"])
            yield ""
        if condition["aliases"]:
            names = ", ".join(escaped(alias["name"]) for alias in condition["aliases"])
            yield f"- Also called: {names}"
        if condition["xrefs"]:
            ids = ", ".join(f"{escaped(x['id'])} ({x['fit']})" for x in condition["xrefs"])
            yield f"- External ids: {ids}"
    for name, value in stream.applied.items():
        values = value if isinstance(value, list) else [value]
        yield f"- {escaped(name)}: {', '.join(escaped(_plain(each)) for each in values)}"
    yield f"- In all: {_counts(stream)}"
    yield f"- Licence: <{edition.licence}>"
    yield ""
    counts = stream.counts_by_type()
    if counts:
        yield "| Type | Claims | In conflict |"
        yield "| --- | ---: | ---: |"
        for row in edition.vocabulary.types:
            if row.key in counts:
                claims, flagged = counts[row.key]
                yield f"| {escaped(row.title)} | {claims} | {flagged} |"
        yield ""
    yield (
        "A place such as `p2, 650-700` is a passage and a span of its document, in code points; "
        "the document is the one that is cited first, unless another is named."
    )
    yield ""


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "value", value))


class _Places:
    """Where a citation stands; the document is named from the second one on."""

    def __init__(self) -> None:
        self._first: str | None = None

    def of(self, citation: Record) -> str:
        document = citation["document"]["key"]
        self._first = self._first or document
        place = citation["passage"]["key"]
        if document != self._first:
            place = f"{document} {place}"
        if citation["start"] is None:
            return f"[{place}, {escaped(citation['locator'])}, unverified]"
        return f"[{place}, {citation['start']}-{citation['end']}]"


def _conflicts(stream: ClaimStream, edition: Edition, places: _Places) -> Iterator[list[str]]:
    yield ["## Conflicts", ""]
    some = False
    for batch in stream.conflicts():
        for conflict in batch:
            some = True
            yield list(_conflict(conflict, edition))
            for side in conflict["sides"]:
                passages = len(side["passages"])
                label = escaped(side["label"])
                yield [f"- **{label}** ({side['polarity']}; passages: {passages})"]
                for first in range(0, len(side["claims"]), SIDES_AT_ONCE):
                    chunk = side["claims"][first : first + SIDES_AT_ONCE]
                    claims = stream.bodies([number_of(Prefix.claim, id_) for id_ in chunk])
                    yield [line for claim in claims for line in _said(claim, places)]
            yield [""]
    if not some:
        yield ["None of these claims is in an open conflict.", ""]


def _conflict(conflict: Record, edition: Edition) -> Iterator[str]:
    severity = conflict["severity"]["effective"]
    question = edition.vocabulary.question_by_key.get(conflict["question"])
    title = escaped(question.asks if question else conflict["question"])
    yield f"### {conflict['id']}, {severity}: {title}"
    yield ""
    if not conflict["conflict"]:
        yield "Not flagged."
        yield ""
    yield escaped(conflict["explanation"])
    yield ""


def _said(claim: Record, places: _Places) -> Iterator[str]:
    """The claim inside of a side, and who says it."""
    yield f"  - {claim['id']}: {escaped(claim['statement'])}"
    yield from (f"    - {_quoted(citation, places)}" for citation in claim["citations"])


def _quoted(citation: Record, places: _Places) -> str:
    quote = f"“{escaped(citation['quote'])}” " if citation["quote"] is not None else ""
    notes = [citation[name] for name, usual in _NOTHING.items() if citation[name] != usual]
    notes = [note.replace("_", " ") for note in notes]
    if citation["hedge"] is not None:
        notes.append(f"hedged by “{escaped(citation['hedge'])}”")
    return f"{quote}{places.of(citation)}{': ' if notes else ''}{', '.join(notes)}"


def _claims(stream: ClaimStream, edition: Edition, places: _Places) -> Iterator[list[str]]:
    if not stream.grouped:
        yield ["## Claims, in the order asked for", ""]
    groups = _Groups(edition, grouped=stream.grouped)
    for batch in stream.claims():
        lines: list[str] = []
        for claim in batch:
            lines += groups.before(claim)
            lines += _claim(claim, places)
        yield lines
    yield [""]


def _claim(claim: Record, places: _Places) -> Iterator[str]:
    notes = "; ".join(f"{ref['severity']} in {ref['id']}" for ref in claim["conflicts"])
    yield f"- {claim['id']}: {escaped(claim['statement'])}{f' ({notes})' if notes else ''}"
    yield from (f"  - {_quoted(citation, places)}" for citation in claim["citations"])


class _Groups:
    """Headings where the condition, the type or the question changes."""

    def __init__(self, edition: Edition, *, grouped: bool) -> None:
        self._vocabulary = edition.vocabulary
        self._types = {row.key: row.title for row in edition.vocabulary.types}
        self._last: Sequence[str] | None = None
        self._grouped = grouped

    def before(self, claim: Record) -> Iterable[str]:
        if not self._grouped:
            return []
        names = (claim["condition"]["slug"], claim["type"], claim["question"])
        last = self._last or ("", "", "")
        self._last = names
        lines: list[str] = []
        if names[:1] != tuple(last[:1]):
            lines += ["", f"## Claims about {escaped(claim['condition']['name'])}"]
        if names[:2] != tuple(last[:2]):
            title = self._types.get(claim["type"]) or claim["type"]
            lines += ["", f"### {escaped(title)}"]
        if names != tuple(last):
            row = self._vocabulary.question_by_key.get(names[2])
            asks = row.asks if row else str(names[2])
            lines += ["", f"#### {escaped(asks)} ({names[2]})", ""]
        return lines


def _document(record: Record) -> Iterator[str]:
    facts = [
        f"{name}: {escaped(record[name])}"
        for name in ("publisher", "url", "licence", "published_on", "retrieved_on", "sha256")
        if record[name]
    ]
    yield f"- {record['id']}, {record['key']}: {escaped(record['title'])}"
    yield from (f"  - {fact}" for fact in facts)
    for passage in record["passages"]:
        heading = f": {escaped(passage['heading'])}" if passage["heading"] else ""
        yield f"  - {passage['key']}, {passage['start']}-{passage['end']}{heading}"
