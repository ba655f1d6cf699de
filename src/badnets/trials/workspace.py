"""The folder that runs write to: the ledger's file, bundles by trial name, arrays by digest."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.bundles.atomic import output_error, remove_stale, write_bytes
from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import LedgerError
from badnets.core.files import read_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from badnets.observations.base import ArrayRef
    from badnets.trials.trial import Trial


@dataclass(frozen=True)
class Workspace:
    """A folder of results.

    Args:
        root: the folder; made on first use.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    @property
    def ledger_file(self) -> Path:
        """Where the default SQLite ledger lives."""
        return self.root / "ledger.sqlite"

    @property
    def bundles(self) -> Path:
        """The folder that holds a bundle for each trial that keeps one."""
        return self.root / "bundles"

    @property
    def arrays(self) -> Path:
        """The folder of content-addressed arrays."""
        return self.root / "arrays"

    def bundle(self, trial: Trial) -> Path:
        """Return the folder of a trial's bundle, whether or not it exists."""
        return self.bundles / trial.name

    def checkpoint(self, trial: Trial) -> Path:
        """Return the file that a long training keeps its state in, from epoch to epoch."""
        return self.root / "unfinished" / f"{trial.name}.safetensors"

    def prepare(self) -> None:
        """Make the folders, and clear away what killed processes left half-written.

        Raises:
            OutputError: the folder cannot be written.
        """
        for folder in (self.root, self.bundles, self.arrays):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise output_error(folder, error) from None
            remove_stale(folder)

    def put_array(self, array: NDArray[np.generic]) -> ArrayRef:
        """Keep an array and return its reference; the same array is kept once.

        Raises:
            OutputError: it cannot be written.
        """
        import numpy as np

        from badnets.observations.base import ArrayRef

        buffer = io.BytesIO()
        np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)
        data = buffer.getvalue()
        digest = sha256_bytes(data)
        path = self.arrays / f"{digest}.npy"
        if not path.is_file() or path.read_bytes() != data:  # a damaged file is made good
            write_bytes(path, data)
        return ArrayRef(sha256=digest, shape=tuple(array.shape), dtype=str(array.dtype))

    def get_array(self, ref: ArrayRef) -> NDArray[np.generic]:
        """Return a kept array; digest, shape and dtype must be those of its reference.

        Raises:
            LedgerError: the file is missing or has changed, or the reference is of another array.
        """
        import numpy as np

        path = self.arrays / f"{ref.sha256}.npy"
        try:
            data = read_file(path, what=f"array {path}", error=LedgerError)
        except LedgerError as error:
            raise LedgerError(f"{error}; run the trial again") from None
        if sha256_bytes(data) != ref.sha256:
            raise LedgerError(f"array {path} has changed since it was written; run the trial again")
        try:
            array: NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise LedgerError(f"array {path} is no NumPy array ({error})") from None
        if (array.shape, str(array.dtype)) != (ref.shape, ref.dtype):
            raise LedgerError(
                f"array {path} is {array.dtype} {array.shape}, its record says "
                f"{ref.dtype[:40]} {ref.shape}"
            )
        return array
