"""What is said of folders of pictures: looked over, poisoned, or checked against a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from badnets.core.results import Measured, Result

if TYPE_CHECKING:
    from badnets.data.cleaning import Examination
    from badnets.data.on_disk import Verification, Written

SHOWN = 10  # paths of a kind that text lists
LAYOUTS = {
    "classes": "a folder for each class",
    "split": "a folder for each class, in train and other parts",
    "flat": "files named like cat.0.jpg",
    "coco": "COCO",
}


class FindingKind(Result):
    """How often a kind of finding was met."""

    kind: str = Field(title="found")
    times: int = Field(title="times")
    meaning: str = Field(title="what it means")


class FindingLine(Result):
    """A finding: which files, and why."""

    kind: str = Field(title="found")
    paths: list[str]
    where: str = Field(title="where", exclude=True)
    why: str = Field(title="why")


class Examined(Result):
    """A folder that was looked over."""

    folder: str = Field(title="folder")
    words: str = Field(title="layout", exclude=True)
    pictures: dict[str, str] = Field(title="", exclude=True)
    sound: str | None = Field(title="nothing found", exclude=True)
    layout: dict[str, object]
    classes: list[str]
    counts: dict[str, dict[str, int]]
    found: dict[str, int]
    doubtful: list[str]
    kinds: tuple[FindingKind, ...] = Field(title="kinds", exclude=True)
    findings: tuple[FindingLine, ...] = Field(title="findings")


def examination(found: Examination) -> Examined:
    """Return what was found in a folder."""
    from badnets.data.cleaning import KINDS

    return Examined(
        folder=str(found.folder),
        words=found.layout.words,
        pictures={
            f"{part} pictures": ", ".join(f"{name} {count:,}" for name, count in own.items())
            for part, own in found.counts.items()
        },
        sound=None if found.findings else "every file can be used",
        layout={
            "kind": found.layout.kind,
            "parts": dict(found.layout.parts),
            "unused": list(found.layout.unused),
        },
        classes=list(found.layout.classes),
        counts=found.counts,
        found={str(kind): count for kind, count in found.by_kind.items()},
        doubtful=list(found.doubtful),
        kinds=tuple(
            FindingKind(kind=kind, times=count, meaning=KINDS[kind])
            for kind, count in found.by_kind.items()
        ),
        findings=tuple(
            FindingLine(
                kind=one.kind, paths=list(one.paths), where=", ".join(one.paths), why=one.why
            )
            for one in found.findings
        ),
    )


class LeftOut(Result):
    """A file that was not carried over, and why."""

    path: str = Field(title="left out")
    why: str = Field(title="why")


class Poisoned(Result):
    """A folder that was poisoned; machines get the whole head of its manifest."""

    folder: str = Field(title="folder")
    words: str = Field(title="layout", exclude=True)
    names: str = Field(title="classes", exclude=True)
    manifest_sha256: str = Field(title="digest")
    files: int = Field(title="files")
    poisoned_share: Measured
    share: str = Field(title="poisoned share", exclude=True)
    kept: str | None = Field(title="kept", exclude=True)
    lines: tuple[LeftOut, ...] = Field(title="left out", exclude=True)
    more: str | None = Field(title="left out", exclude=True)
    model_config = Result.model_config | {"extra": "allow"}


def poisoning(written: Written) -> Poisoned:
    """Return what came of poisoning a folder."""
    head, kept = written.head, getattr(written, "kept", 0)
    hidden, unnamed = (len(all_) - SHOWN for all_ in (head.left_out, head.classes))
    more = f", and {unnamed:,} more, see the manifest" if unnamed > 0 else ""
    told: dict[str, object] = {
        "folder": str(written.folder),
        "words": LAYOUTS[head.layout],
        "names": f"{len(head.classes)}: {', '.join(head.classes[:SHOWN])}{more}",
        "manifest_sha256": written.digest,
        "files": written.files,
        "poisoned_share": Measured.of(written.share),
        "share": str(written.share),
        "kept": f"{kept:,} of an earlier run" if kept else None,
        "lines": tuple(LeftOut(path=one.path, why=one.why) for one in head.left_out[:SHOWN]),
        "more": f"and {hidden:,} more, see the manifest" if hidden > 0 else None,
    }
    return Poisoned.model_validate(head.model_dump(mode="json") | told)


class Difference(Result):
    """A file that is not as the manifest says."""

    kind: str = Field(title="what")
    path: str = Field(title="file")


class Checked(Result):
    """How a folder compares with its manifest, and that with what is known of it."""

    folder: str = Field(title="folder", exclude=True)
    files: int = Field(title="files in the manifest")
    manifest_sha256: str = Field(title="digest")
    expected: str | None = Field(title="digest that was given")
    intact: bool
    conclusion: str = Field(title="the folder is")
    unsure: str | None = Field(title="not checked", exclude=True)
    shows_not: str | None = Field(title="left open")
    deviations: tuple[Difference, ...] | None
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]
    differences: tuple[Difference, ...] = Field(title="differences", exclude=True)


def comparison(folder: str, found: Verification) -> Checked:
    """Return how a folder compares with its manifest."""
    from badnets.data.on_disk.manifest import MANIFEST

    kinds = {"missing": found.missing, "changed": found.changed, "extra": found.extra}
    other = [f"{one.path or MANIFEST}: {one.why}" for one in found.deviations or ()]
    lines = []
    for kind, paths in {**kinds, "not as the source gives it": other}.items():
        lines += [Difference(kind=kind, path=path) for path in paths[:SHOWN]]
        if len(paths) > SHOWN:
            rest = f"and {len(paths) - SHOWN:,} more: --format json lists all"
            lines.append(Difference(kind=kind, path=rest))
    return Checked(
        folder=folder,
        files=found.files,
        manifest_sha256=found.digest,
        expected=found.expected,
        intact=found.intact,
        conclusion=found.conclusion,
        unsure=_unsure(found),
        shows_not=_shows_not(found),
        deviations=None
        if found.deviations is None
        else tuple(Difference(kind=one.why, path=one.path) for one in found.deviations),
        differences=tuple(lines),
        **kinds,
    )


def _unsure(found: Verification) -> str | None:
    if not found.unsure:
        return None
    made_with = ", ".join(f"{name} {own}" for name, own in found.head.versions.items())
    return (
        f"{len(found.unsure):,} pictures come out with other bytes, by the versions at work now: "
        f"check them with those of then ({made_with})"
    )


def _shows_not(found: Verification) -> str | None:
    """Return what is still open where a folder fits its manifest."""
    if found.deviations is not None:
        return None
    if found.expected is not None:
        return "whether its manifest says what was done: --source IN derives all of it again"
    return (
        "whether its manifest was made anew, with other flags or labels: give the digest that "
        "`badnets poison` printed as --digest, or the folder that it read as --source"
    )
