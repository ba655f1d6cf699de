"""A process that poisons a folder, whose memory is measured; `bench.on_disk` starts it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench.one_process import peak_bytes


def main() -> None:
    """Print the most memory held up to three moments, in bytes, as one line of JSON.

    They are: once torch is imported; once everything is; after the folder was poisoned.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.one_folder", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()

    import torch

    with_torch = peak_bytes()
    from bench.on_disk import poisoned

    imported = peak_bytes()
    poisoned(arguments.source, arguments.out)
    print(
        json.dumps(
            {
                "torch": with_torch,
                "imported": imported,
                "poisoned": peak_bytes(),
                "threads": torch.get_num_threads(),
            }
        )
    )


if __name__ == "__main__":
    main()
