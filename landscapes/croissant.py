"""A landscape's metadata as MLCommons' Croissant 1.0, for other programs."""

from typing import Any

import pyarrow as pa

from arl import text
from landscapes import catalogue, columns, file_format
from landscapes.dataset import Landscape

LICENCE_URLS = {
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "bsd-3-clause": "https://opensource.org/license/bsd-3-clause",
}


def metadata(landscape: Landscape) -> dict[str, Any]:
    """Return the landscape's metadata as Croissant 1.0 (JSON-LD): files with checksums, and the columns of the tables."""
    urls = {"url": landscape.provenance["url"]} if landscape.source else {}
    size = " x ".join(
        [
            text.plural(landscape.num_configs, "config"),
            text.plural(len(landscape.seeds), "seed"),
            text.plural(landscape.settings.num_points, "point"),
        ]
    )
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": catalogue.directory_name(landscape.name),
        "description": f"Scores of {landscape.name} over configs, seeds and env steps: {size}.",
        "license": LICENCE_URLS.get(landscape.licence, landscape.licence),
        "version": f"{file_format.FORMAT}.0.0",
        **urls,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "sha256": digest,
                "encodingFormat": "application/x-parquet",
            }
            for file, digest in sorted(landscape.metadata["files"].items())
        ],
        "recordSet": [_record_set(landscape, name) for name in columns.ROWS],
    }


def _record_set(landscape: Landscape, table: str) -> dict[str, Any]:
    file = f"{table}.parquet"
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{table}/{column.name}",
            "name": column.name,
            "dataType": _data_type(column.type),
            "description": column.meaning,
            "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
        }
        for column in columns.of_table(landscape, table)
    ]
    keys = [{"@id": f"{table}/{key}"} for key in columns.KEYS[table]]
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": columns.ROWS[table],
        "key": keys,
        "field": fields,
    }


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


# The specification's own context; names stand for themselves in its vocabulary.
_OF_CROISSANT = (
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _OF_CROISSANT},
}
