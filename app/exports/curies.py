"""External identifiers as the addresses under which linked data knows them."""

# Those that the vocabularies themselves publish, so that data from elsewhere meets ours.
_ADDRESSES = {
    "DOID": "http://purl.obolibrary.org/obo/DOID_",
    "ENSEMBL": "http://rdf.ebi.ac.uk/resource/ensembl/",
    "HGNC": "http://identifiers.org/hgnc/",
    "HP": "http://purl.obolibrary.org/obo/HP_",
    "ICD10CM": "http://purl.bioontology.org/ontology/ICD10CM/",
    "MESH": "http://id.nlm.nih.gov/mesh/",
    "MONDO": "http://purl.obolibrary.org/obo/MONDO_",
    "NCBIGene": "http://identifiers.org/ncbigene/",
    "OMIM": "https://omim.org/entry/",
    "SCTID": "http://snomed.info/id/",
    "UBERON": "http://purl.obolibrary.org/obo/UBERON_",
    "UMLS": "http://linkedlifedata.com/resource/umls/id/",
    "UniProt": "http://purl.uniprot.org/uniprot/",
    "orpha": "http://www.orpha.net/ORDO/Orphanet_",
}
_ANY = "https://bioregistry.io/"

# How well an identifier fits -> the SKOS relation from our record to it.
MATCHES = {
    "exact": "exactMatch",
    "close": "closeMatch",
    "broad": "broadMatch",
    "narrow": "narrowMatch",
}


def curie_address(curie: str) -> str:
    """``HP:0001056`` -> ``http://purl.obolibrary.org/obo/HP_0001056``."""
    prefix, _, local = curie.partition(":")
    known = _ADDRESSES.get(prefix)
    return f"{known}{local}" if known else f"{_ANY}{curie}"
