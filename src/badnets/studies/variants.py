"""Studies on a data set, in full or quick: run, and drawn as pages from records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.core.errors import DataError, SettingError, TrialError
from badnets.core.lookup import find
from badnets.core.results import Result
from badnets.data.catalogue import DATASETS
from badnets.studies import STUDIES, make_study, recorded, run_study
from badnets.studies.benchmarks import write_benchmarks
from badnets.studies.hub import write_hub

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.report import Page
    from badnets.runners.display import Display
    from badnets.studies.catalogue import Study
    from badnets.trials.record import Record
    from badnets.trials.workspace import Workspace


@dataclass(frozen=True)
class Variant:
    """A study on a data set, in full or quick.

    Args:
        name: of the study; or a recipe, by its file.
        data: of the data set; None: the study's own.
        quick: the small subset.
    """

    name: str
    data: str | None = None
    quick: bool = False

    @property
    def study(self) -> Study:
        """The study.

        Raises:
            UnknownNameError: there is no such study, or it does not run on that data set.
        """
        if self.is_recipe:
            from badnets.studies.own.trials import of_recipe

            return of_recipe(Path(self.name))
        return make_study(self.name, self.data, quick=self.quick)

    @property
    def is_recipe(self) -> bool:
        """Whether it is the trials of a recipe."""
        return self.name.endswith((".yaml", ".yml"))

    @property
    def file(self) -> str:
        """The page's name, without an ending: ``signs_lisa``, ``mnist_quick``.

        The data set is left out where it is called like the study, else where it is the usual one.
        """
        if self.is_recipe:
            return Path(self.name).stem
        entry = find(STUDIES, self.name, "study")
        usual = self.name if self.name in entry.alternatives else entry.data
        data = self.data or entry.data
        parts = (self.name, data if data != usual else None, self.quick and "quick")
        return "_".join(part for part in parts if part).replace("-", "_")

    @property
    def embedded(self) -> Variant | None:
        """The same on data that needs no file and no network; None where it is that, or none is."""
        entry = STUDIES.get(self.name)
        sets = (entry.data, *entry.alternatives) if entry else ()
        own = next((data for data in sets if data in DATASETS and DATASETS[data].embedded), None)
        return None if own in (None, self.data or sets[0]) else replace(self, data=own)

    @property
    def command(self) -> str:
        """What makes the page again."""
        if self.is_recipe:
            return f"badnets run {self.name}"
        return f"badnets study {self.options}"

    @property
    def options(self) -> str:
        """What follows `badnets study` or `badnets report`."""
        data = f" --data {self.data}" if self.data else ""
        return f"{self.name}{data}{' --quick' if self.quick else ''}"

    def records(self, known: Iterable[Record]) -> dict[str, Record]:
        """Return those records that are the study's, by name."""
        return recorded(self.study, {record.name: record for record in known})

    def page(self, known: Iterable[Record], workspace: Workspace) -> Page | None:
        """Return the page from those records that are the study's; None when there are none.

        Args:
            known: records, of other studies too.
            workspace: where their arrays are.
        """
        own = self.records(known)
        return self.study.page(own, workspace.get_array, command=self.command) if own else None


def variants() -> Iterator[Variant]:
    """Yield every variant of every study."""
    for name, entry in STUDIES.items():
        for data in (None, *entry.alternatives):
            yield Variant(name, data)
            yield Variant(name, data, quick=True)


class StudyRun(Result):
    """A study that was run: its page, where there is one, and whether every trial is in it."""

    page: str | None
    complete: bool


class Pages(Result):
    """Pages that were drawn, or documents that were written."""

    pages: tuple[str, ...]


def run_variant(
    variant: Variant,
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | None = None,
    display: Display | None = None,
) -> tuple[StudyRun, TrialError | None]:
    """Run a study and draw its page, which says what is missing where trials failed.

    Returns:
        What came of it, and which trials failed.

    Raises:
        UnknownNameError: there is no such study.
        BadnetsError: something that would stop every trial.
    """
    from badnets.report import write_html

    failed: TrialError | None = None
    try:
        run_study(
            variant.study,
            workspace,
            ledger,
            workers=workers,
            data_root=data_root,
            display=display,
        )
    except TrialError as error:  # the others are kept
        failed = error
    except DataError as error:
        if variant.embedded is None:
            raise
        raise DataError(f"`{variant.embedded.command}` needs no download. {error}") from error
    page = variant.page(ledger.records(), workspace)
    path = None
    if page is not None:
        path = str(write_html(page, workspace.root / f"{variant.file}.html"))
    return StudyRun(page=path, complete=failed is None), failed


def draw_pages(
    wanted: Iterable[Variant], records: Iterable[Record], workspace: Workspace, target: Path
) -> Pages:
    """Draw the pages of those studies that have records.

    Args:
        wanted: the studies.
        records: of any studies.
        workspace: where their arrays are.
        target: the folder of the pages.

    Raises:
        SettingError: none has records.
        OutputError: a page cannot be written.
    """
    from badnets.report import write_html

    known, asked, paths = list(records), list(wanted), list[str]()
    for variant in asked:
        page = variant.page(known, workspace)
        if page is not None:
            paths.append(str(write_html(page, target / f"{variant.file}.html")))
    if not paths:
        others = (one for one in variants() if one.name == asked[0].name and one.records(known))
        drawn = " or ".join(f"`badnets report {one.options}`" for one in others)
        cure = (
            f"{drawn} draws those that are there" if drawn else f"`{asked[0].command}` makes them"
        )
        raise SettingError(f"none of {len(known):,} records is of this study: {cure}")
    return Pages(pages=tuple(paths))


def write_documents(source: Path, target: Path) -> Pages:
    """Write the page of each study or recipe that has an export in a folder as Markdown.

    So is the leaderboard, from all of them; and the page on the hub, where its benches are recorded
    there: see `write_hub`; and those on other benchmarks: see `write_benchmarks`.

    Args:
        source: folder of exports: ``mnist.json`` and ``arrays/``; a recipe ``mine.yaml`` lies
            beside its ``mine.json``.
        target: folder of the documents; figures go beside them as SVG.

    Raises:
        SettingError: there is no export of a study, or one holds no record of its study.
        LedgerError, OutputError: an export cannot be read, or a document not be written.
    """
    from badnets.ledger import read_records
    from badnets.report import write_markdown
    from badnets.trials.workspace import Workspace

    written: list[Path] = []
    exported: list[Path] = []
    recipes = (Variant(str(path)) for path in sorted(source.glob("*.yaml")))
    for variant in (*variants(), *recipes):
        exports = (source / f"{variant.file}.json", source / f"{variant.file}.json.gz")
        export = next((one for one in exports if one.is_file()), None)
        if export is None:
            continue
        page = variant.page(read_records(export), Workspace(source))
        if page is None:
            raise SettingError(f"{export} holds no record of `{variant.command}`")
        exported.append(export)
        written += write_markdown(page, target / f"{variant.file}.md")
    if exported:
        from badnets.studies.leaderboard.writing import write_document

        written += write_document(exported, target, f"badnets results {source}/ {target}/")
    written += write_benchmarks(source, target)
    written += write_hub(source, target)  # last: it quotes the audit's
    if not written:
        names = ", ".join(f"{variant.file}.json" for variant in variants() if not variant.quick)
        raise SettingError(f"no export of a study in {source}: expected one of {names}")
    return Pages(pages=tuple(str(path) for path in written if path.suffix == ".md"))
