"""What all bodies share: strictness, bounded text, slugs and keys, external identifiers."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class In(BaseModel):
    """Something sent to us: unknown fields are an error, numbers are finite, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Out(BaseModel):
    """Something that we answer: every field is always there, null where it has no value."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _normalised(text: str) -> str:
    """NFC and trimmed. For names and statements; never for quotes, whose offsets count."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise ValueError("must not be blank")
    return text


Verbatim = Annotated[str, AfterValidator(without_nul), Field(min_length=1, max_length=5_000)]
Name = Annotated[
    str,
    AfterValidator(without_nul),
    AfterValidator(_normalised),
    Field(min_length=1, max_length=200),
]
Sentence = Annotated[
    str,
    AfterValidator(without_nul),
    AfterValidator(_normalised),
    Field(min_length=3, max_length=2_000),
]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
NaturalKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./@:_+-]*$", max_length=200)]
Fit = Literal["exact", "close", "broad", "narrow"]

# Prefix in lower case, without punctuation -> as we write it.
CURIE_PREFIXES = {
    "doid": "DOID",
    "ensembl": "ENSEMBL",
    "hgnc": "HGNC",
    "hp": "HP",
    "hpo": "HP",
    "icd10": "ICD10",
    "icd10cm": "ICD10CM",
    "mesh": "MESH",
    "msh": "MESH",
    "mim": "OMIM",
    "mondo": "MONDO",
    "ncbigene": "NCBIGene",
    "entrez": "NCBIGene",
    "omim": "OMIM",
    "orpha": "orpha",
    "orphanet": "orpha",
    "ordo": "orpha",
    "sctid": "SCTID",
    "snomedct": "SCTID",
    "snomedctus": "SCTID",
    "uberon": "UBERON",
    "umls": "UMLS",
    "uniprot": "UniProt",
    "uniprotkb": "UniProt",
}


def normalise_curie(curie: str) -> str:
    """``SNOMEDCT_US:238749001`` -> ``SCTID:238749001``; unknown prefixes keep their spelling."""
    prefix, separator, local = curie.strip().partition(":")
    if not separator or not prefix or not local:
        raise ValueError("must be a CURIE such as HP:0001056")
    known = "".join(letter for letter in prefix.lower() if letter.isalnum())
    return f"{CURIE_PREFIXES.get(known, prefix)}:{local.strip()}"


Curie = Annotated[
    str,
    # Less than the column holds: the prefix as we write it can be longer.
    Field(max_length=76, pattern=r"^[A-Za-z][A-Za-z0-9._-]*:[A-Za-z0-9._-]+$"),
    AfterValidator(normalise_curie),
]


class XrefIn(In):
    """An external identifier and how well it fits: ``exact``, ``close``, ``broad``, ``narrow``."""

    id: Curie
    fit: Fit = "exact"
