"""`croissant.json`: the release in Croissant 1.1 with its Responsible AI fields (https://mlcommons.org/croissant).

Every Parquet file of a configuration has its SHA-256, every configuration is a record set with its columns, and PROV-O
says who made what. `mlcroissant` reads the records from the folder of the release wherever it lies: paths are relative.
The Hub makes a Croissant of its own from the same rows, and takes no notice of this file.
"""

from __future__ import annotations

import json
from typing import Any

from curation.dataset.licences import spdx_licence
from curation.release.card import statements
from curation.release.card.citation import authors, render_bibtex, title
from curation.release.card.croissant_fields import fields
from curation.release.card.published import PAPER
from curation.release.configurations.registry import configurations
from schemas.arrow import Columns
from schemas.configuration.config import CurateConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.kit.number_of import number_of
from schemas.release import ReleaseManifest
from schemas.safe_text import plain_line

CROISSANT = "croissant.json"
Json = dict[str, Any]
_PARQUET = "application/x-parquet"  # the name that readers of Croissant know
_SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "wd": "https://www.wikidata.org/wiki/",
}


def render_croissant(manifest: ReleaseManifest, config: CurateConfig) -> str:
    """The JSON-LD of a release whose Parquet files are in the manifest; equal input gives equal bytes."""
    stated = config.export
    languages = [name for name in dict.fromkeys((config.caption.language, config.refine.language)) if name]
    document: Json = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title(manifest),
        "description": _description(manifest),
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "version": manifest.version,
        **({"datePublished": stated.date.isoformat()} if stated.date is not None else {}),
        **({"url": stated.url} if stated.url is not None else {}),
        "license": _licence(manifest),
        "creator": [{"@type": "sc:Organization", "name": name} for name in authors(manifest, stated)],
        "citeAs": render_bibtex(manifest, stated),
        "citation": PAPER,
        **({"inLanguage": languages} if languages else {}),
        "keywords": ["video summarization", "video captioning", "cross-modal", "keyframes", "machine-generated"],
        "isLiveDataset": False,
        **_provenance(manifest),
        **_responsible(manifest, config),
        "distribution": [*_files(manifest), *_file_sets(manifest)],
        "recordSet": [_split_names(), *_record_sets(manifest)],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _description(manifest: ReleaseManifest) -> str:
    return (
        f"{number_of(manifest.samples, 'video')} with a caption for each sampled frame, an extractive summary (which "
        "moments matter) and an abstractive one (what happens in them), for the three tasks of Instruct-V2Xum. "
        f"{statements.checked(manifest)} {statements.errors(manifest)} {statements.LICENCES}"
    )


def _licence(manifest: ReleaseManifest) -> str | Json:
    if manifest.licence is None:
        said = "The makers of this dataset have not said under which licence it may be used: ask them first."
        return {"@type": "sc:CreativeWork", "name": "Not stated", "description": said}
    known = spdx_licence(manifest.licence)
    if known is not None:
        return f"https://spdx.org/licenses/{known}.html"
    return {"@type": "sc:CreativeWork", "name": plain_line(manifest.licence) or "Not stated"}


def _provenance(manifest: ReleaseManifest) -> Json:
    """Each activity that made a part of the rows, with the model or the people behind it, by PROV-O."""
    made: list[Json] = [
        {
            "@type": "prov:Activity",
            "prov:label": f"{maker.stage}: prompt {maker.prompt} (SHA-256 {maker.prompt_sha256}), sampling "
            f"{maker.sampling}, {number_of(maker.rows, 'row')}",
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "prov:label": plain_line(f"{maker.model}, revision {maker.revision}"),
            },
        }
        for maker in manifest.makers
    ]
    made += [
        {
            "@type": "prov:Activity",
            "prov:label": f"{reader.stage}: {number_of(reader.rows, 'row')}",
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "prov:label": plain_line(f"{reader.model}, revision {reader.revision}"),
            },
        }
        for reader in manifest.readers
    ]
    if manifest.review.people:
        made.append(
            {
                "@type": "prov:Activity",
                "prov:label": f"review: {statements.checked(manifest)}",
                "prov:wasAssociatedWith": [
                    {"@type": "prov:Person", "prov:label": plain_line(person.annotator)}
                    for person in manifest.review.people
                ],
            }
        )
    return {
        "prov:wasDerivedFrom": {
            "@type": "prov:Entity",
            "prov:label": f"{number_of(manifest.samples, 'video')}, whose addresses and SHA-256 `full` has",
        },
        "prov:wasGeneratedBy": made,
    }


def _responsible(manifest: ReleaseManifest, config: CurateConfig) -> Json:
    review = manifest.review
    agreement = review.agreement.verdict_alpha
    left_out = sum(item.videos for item in manifest.rejections)
    analysis = [statements.errors(manifest)]
    if agreement.value is not None:
        analysis.append(f"Krippendorff's alpha of the verdicts is {agreement.value:.2f}, from {agreement.of} videos.")
    return {
        "rai:dataCollection": "The makers listed videos, which were downloaded or read from files, filtered by what "
        "their publishers state and by the file itself, and sampled at even times. Every video that was left out is a "
        "row of `rejections`.",
        "rai:dataCollectionType": ["Software Collection"],
        "rai:dataCollectionMissingData": f"{number_of(left_out, 'video')} of those listed are left out, with the "
        "reason in `rejections`. A frame without a usable caption has `caption_missing`; a score that was not measured "
        "is null.",
        "rai:dataCollectionRawData": "Videos as their publishers offer them; the column `address` of `default` says "
        "where, `file.sha256` of `full` which file. The dataset holds no video.",
        "rai:dataPreprocessingProtocol": [
            f"Frames are sampled at {config.frames.fps:g} a second, by presentation time.",
            "Near duplicates and the videos of a channel lie in one split.",
        ],
        "rai:dataAnnotationProtocol": "A vision-language model captions each sampled frame; a language model chooses "
        "the keyframes and writes the summary. People accept, fix or reject samples; where several people judge a "
        f"sample, what most of them decide counts. {statements.checked(manifest)}",
        "rai:dataAnnotationPlatform": ["Label Studio"] if review.people else ["None: no person has judged a video."],
        "rai:dataAnnotationAnalysis": analysis,
        "rai:annotationsPerItem": _per_item(config.review),
        "rai:annotatorDemographics": ["Not recorded."],
        "rai:machineAnnotationTools": sorted(
            {plain_line(f"{m.stage}: {m.model}, revision {m.revision}") for m in manifest.makers}
            | {plain_line(f"{m.stage}: {m.model}, revision {m.revision}") for m in manifest.readers}
        ),
        "rai:dataUseCases": list(statements.USES),
        "rai:dataLimitations": list(statements.LIMITS),
        "rai:dataBiases": list(statements.BIASES),
        "rai:dataSocialImpact": statements.SOCIAL,
        "rai:personalSensitiveInformation": statements.personal(manifest),
        "rai:dataReleaseMaintenancePlan": "A version never changes. Corrections, withdrawals and new videos are new "
        "versions, by Semantic Versioning.",
    }


def _per_item(rules: ReviewConfig) -> str:
    if rules.annotators == 1 or rules.overlap == 0:
        return "One person judges a reviewed video."
    return (
        f"{rules.annotators} people judge {rules.overlap:.0%} of the videos that are reviewed, one person each of the "
        "others; an adjudicator may be added."
    )


def _files(manifest: ReleaseManifest) -> list[Json]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": _PARQUET,
            "sha256": file.sha256,
        }
        for file in manifest.files
        if file.path.endswith(".parquet")
    ]


def _file_sets(manifest: ReleaseManifest) -> list[Json]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"files-of-{each.name}",
            "name": f"files-of-{each.name}",
            "description": f"All Parquet files of the configuration {each.name}.",
            "encodingFormat": _PARQUET,
            "includes": f"{each.name}/*.parquet",
        }
        for each in manifest.configurations
        if each.splits
    ]


def _split_names() -> Json:
    text = {"@type": "cr:Field", "dataType": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The splits, by their names in the column `split`.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {**text, "@id": "splits/name", "name": "splits/name"},
            {**text, "@id": "splits/url", "name": "splits/url", "dataType": ["sc:URL", "wd:Q3985153"]},
        ],
        "data": [{"splits/name": name, "splits/url": url} for name, url in _SPLITS.items()],
    }


def _record_sets(manifest: ReleaseManifest) -> list[Json]:
    there = {column for count in manifest.configurations for column in count.columns}
    known = {each.name: each for each in configurations(Columns.among(there))}
    made = []
    for count in manifest.configurations:
        if not count.splits:
            continue
        rows = ", ".join(f"{split.split} {split.rows:,}" for split in count.splits)
        columns = fields(count.name, known[count.name].features(), f"files-of-{count.name}")
        if all(split.split in _SPLITS for split in count.splits):
            for column in columns:
                if column["@id"] == f"{count.name}/split":
                    column["references"] = {"field": {"@id": "splits/name"}}
        made.append(
            {
                "@type": "cr:RecordSet",
                "@id": count.name,
                "name": count.name,
                "description": f"{known[count.name].shows} Rows: {rows}.",
                "field": columns,
            }
        )
    return made
