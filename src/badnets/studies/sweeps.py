"""The document on sweeps, out of what benchmarks recorded: nothing is run again."""

from __future__ import annotations

from pathlib import Path

FIGURES = "sweeps.jsonl"
BENCHES = "sweeps sweeps_ray ledger_scale drivers sweep_kills cohort"
COMMAND = f"python -m bench {BENCHES} --json results/{FIGURES} --replace"
WRITTEN_BY = "badnets results results/ docs/results/"


def write_sweeps(source: Path, target: Path) -> list[Path]:
    """Write ``sweeps.md`` and what lies beside it; return the files, none without a record.

    Args:
        source: folder with ``sweeps.jsonl`` of ``python -m bench``.
        target: folder of the documents.

    Raises:
        DataError: the record cannot be read.
        OutputError: the document cannot be written.
    """
    from badnets.report import write_markdown
    from badnets.report.figures import read_figures
    from badnets.report.sweeps import sweeps_page

    if not (source / FIGURES).is_file():
        return []
    page = sweeps_page(read_figures(source / FIGURES), COMMAND)
    return write_markdown(page, target / "sweeps.md", written_by=WRITTEN_BY)
