"""The documents on benchmarks, out of what these recorded: nothing is run again."""

from __future__ import annotations

from pathlib import Path

WRITTEN_BY = "badnets results results/ docs/results/"


def write_benchmarks(source: Path, target: Path) -> list[Path]:
    """Write ``sweeps.md`` and ``guards.md``; return the files, none without a record.

    Args:
        source: folder with ``sweeps.jsonl`` and ``guards.jsonl`` of ``python -m bench``.
        target: folder of the documents.

    Raises:
        DataError: a record cannot be read.
        OutputError: a document cannot be written.
    """
    from badnets.report import write_markdown
    from badnets.report.benchmarks import DOCUMENTS, figures_page
    from badnets.report.figures import read_figures

    written = list[Path]()
    for document in DOCUMENTS:
        record = source / f"{document.name}.jsonl"
        if record.is_file():
            page = figures_page(document, read_figures(record))
            path = target / f"{document.name}.md"
            written += write_markdown(page, path, written_by=WRITTEN_BY)
    return written
