"""Reading the lines of an import: each by itself, before anything is looked up."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from pydantic import ValidationError

from app.commands.import_staging import StagedLine, Staging
from app.errors import MalformedRequestError
from app.schemas.imports import LINES, ClaimLine, ConceptLine, ConditionLine, DocumentLine, Line
from app.schemas.seed_checks import Fault, document_faults, duplicates, pointer_of, value_faults
from app.schemas.strict_json import read_json
from app.text import nearest
from app.vocabulary import Vocabulary

MAX_LINE_BYTES = 32_000_000
FAULTS_OF_A_LINE = 20
Tell = Callable[[str, int], None]
BOM = b"\xef\xbb\xbf"


def read_lines(file: BinaryIO, staging: Staging, vocabulary: Vocabulary, tell: Tell) -> None:
    """Stage every line that is well-formed by itself; the others become faults."""
    digest = hashlib.sha256()
    number = 0
    done = 0
    for number, content in enumerate(_lines(file), start=1):
        digest.update(content)
        done += len(content)
        if len(content) > MAX_LINE_BYTES:
            staging.faults.add(number, "", "the line is too long")
            continue
        if content.strip():
            _read_line(number, content.removeprefix(BOM), staging, vocabulary)
            staging.lines += 1
        if number % 500 == 0:
            tell("reading", done)
    staging.digest = digest.hexdigest()
    tell("reading", done)
    staging.finish_reading()
    if staging.lines == 0:
        staging.faults.add(1, "", "there is no line in it")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is too long the beginning only, and all of its parts as one line."""
    while content := file.readline(MAX_LINE_BYTES + 1):
        yield content
        while len(content) > MAX_LINE_BYTES and not content.endswith(b"\n"):
            content = file.readline(MAX_LINE_BYTES + 1)


def _read_line(number: int, content: bytes, staging: Staging, vocabulary: Vocabulary) -> None:
    claim = read_plain_claim(content)
    if claim is not None and not list(value_faults("", claim, vocabulary)):
        _stage(number, content, claim, staging)
        return
    add = staging.faults.add
    try:
        data = read_json(content)
    except MalformedRequestError as error:
        add(number, "", error.detail)
        return
    type_ = data.get("type") if isinstance(data, dict) else None
    model = LINES.get(type_) if isinstance(type_, str) else None
    if model is None:
        add(number, "/type", f"type has to be one of {', '.join(LINES)}")
        return
    try:
        line = model.model_validate(data)
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False)[:FAULTS_OF_A_LINE]:
            add(number, pointer_of(wrong["loc"]), _reason(wrong, model))
        _note_broken(staging, str(type_), data)
        return
    former = staging.faults.total
    if isinstance(line, DocumentLine) and line.text is not None:
        _fill_from_text(number, line, staging)
        content = line.model_dump_json(exclude={"text"}, exclude_unset=True).encode()
    for fault in _faults_within(line, vocabulary):
        add(number, fault.pointer, fault.reason)
    if staging.faults.total > former:
        _note_broken(staging, line.type, data)
        return
    _stage(number, content, line, staging)


TOO_LARGE = 2**63
# NUL, half of a surrogate pair, a colon: what only a look at each text would find.
_ESCAPED = re.compile(rb"\\u(?:0000|003[aA]|[dD][89a-fA-F])")


def read_plain_claim(content: bytes) -> ClaimLine | None:
    """A claim's line without fault, read in one step; None where it takes a closer look.

    What ``read_json`` refuses and a model does not see is a key that stands twice: there
    are more colons then than the keys and texts that were read have.
    """
    if _ESCAPED.search(content) is not None:
        return None
    try:
        line = ClaimLine.model_validate_json(content)
    except ValidationError:
        return None
    texts = [line.key, line.statement]
    keys = len(line.model_fields_set) + len(line.scope.model_fields_set)
    if line.words is not None:
        texts.append(line.words)
    if line.quantity is not None:
        if max(abs(line.quantity.low or 0), abs(line.quantity.high or 0)) >= TOO_LARGE:
            return None
        keys += len(line.quantity.model_fields_set)
        texts += [text for text in (line.quantity.unit, line.quantity.as_said) if text]
    for cited in line.citations:
        keys += len(cited.model_fields_set)
        texts += [
            text
            for text in (cited.quote, cited.locator, cited.hedge, cited.subject_words)
            if text is not None
        ]
    colons = keys + "".join(texts).count(":")
    return line if content.count(b":") == colons else None


def _reason(fault: Any, model: type[Line]) -> str:
    if fault["type"] == "extra_forbidden":
        close = nearest(str(fault["loc"][-1]), model.model_fields)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"there is no such field{hint}"
    message: str = fault["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _note_broken(staging: Staging, type_: str, data: dict[str, Any]) -> None:
    key = data.get("slug" if type_ == "condition" else "key")
    if isinstance(key, str):
        staging.add_broken(type_, key)


def _fill_from_text(number: int, line: DocumentLine, staging: Staging) -> None:
    """Digest and length are those of the text; what is said of them is compared."""
    text = line.text or ""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if line.sha256 not in {None, digest}:
        staging.faults.add(number, "/sha256", f"the SHA-256 of the text is {digest}")
    if line.length not in {None, len(text)}:
        staging.faults.add(number, "/length", f"the text has {len(text)} code points")
    line.sha256, line.length = digest, len(text)
    staging.add_text(line.key, text)


def _faults_within(line: Line, vocabulary: Vocabulary) -> Iterator[Fault]:
    if isinstance(line, ConceptLine):
        yield from duplicates("/synonyms", "", line.synonyms)
        yield from duplicates("/broader", "", line.broader)
    elif isinstance(line, DocumentLine):
        yield from document_faults("", line)
        if line.verified and line.text is None:
            yield Fault("/verified", "only a text that is sent along can be compared: send `text`")
    elif isinstance(line, ClaimLine):
        yield from value_faults("", line, vocabulary)


def _stage(number: int, content: bytes, line: Line, staging: Staging) -> None:
    key = line.slug if isinstance(line, ConditionLine) else line.key
    scope = identity = None
    if isinstance(line, ClaimLine):
        scope, identity = line.condition, line.identity
    elif isinstance(line, ConditionLine):
        own = [("/slug", line.slug)]
        own += [(f"/aliases/{at}/slug", alias.slug) for at, alias in enumerate(line.aliases)]
        staging.add_slugs(number, own)
    elif isinstance(line, ConceptLine):
        staging.add_broader(line.key, line.broader)
    staging.add(StagedLine(number, line.type, key, scope, identity, content))
