"""The document on the hub, out of what its benches recorded: nothing is attacked again."""

from __future__ import annotations

from pathlib import Path

ATTACKS, FIGURES = "hub_attacks.json", "hub.jsonl"
WRITTEN_BY = "badnets results results/ docs/results/"
COMMAND = f"badnets hub bench-attacks --json -o results/{ATTACKS}"


def write_hub(source: Path, target: Path) -> list[Path]:
    """Write ``hub.md`` and what lies beside it; return the files, none where nothing is recorded.

    Args:
        source: folder with ``hub_attacks.json`` of ``badnets hub bench-attacks`` and, where the
            benchmarks were run, ``hub.jsonl`` of ``python -m bench``.
        target: folder of the documents; the audit's rate is read from the one on audits there.

    Raises:
        DataError: a record cannot be read.
        OutputError: the document cannot be written.
    """
    from badnets.hub.attacks.bench import BenchReport, groups
    from badnets.report import write_markdown
    from badnets.report.attacks import attacks_page, rate_beside
    from badnets.report.figures import read_figures

    if not (source / ATTACKS).is_file():
        return []
    report = BenchReport.read(source / ATTACKS)
    what = {one.name: one.what for one in groups(*report.groups)}
    figures = read_figures(source / FIGURES) if (source / FIGURES).is_file() else ()
    page = attacks_page(report, what, COMMAND, rate_beside(target), figures)
    return write_markdown(page, target / "hub.md", written_by=WRITTEN_BY)
