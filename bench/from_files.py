"""One network from raw files, in a process of its own; the benchmark `bench.accuracy` starts it.

    python -m bench.from_files --data mnist --seed 1000 --held-back 5000

With ``--held-back`` it is measured on that many training images instead of the test set, which is
how settings are chosen.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time

import torch

from badnets.data import DataSet, load
from badnets.scenarios import MaliciousTrainer, OutsourcedTraining, User
from bench.scales import SCALES
from bench.settings import BACKDOOR, CLEAN_ACCURACY, NETWORK, from_files


def main() -> None:
    """Train, measure, print one line of JSON; the clock starts with the first line."""
    started = time.perf_counter()
    arguments = _arguments()
    scale = SCALES[arguments.scale]
    data = _limited(load(arguments.data), scale.images)
    loaded = time.perf_counter()
    user = User(NETWORK, data, CLEAN_ACCURACY, held_back=arguments.held_back)
    trainer = MaliciousTrainer(BACKDOOR, from_files(scale))
    deal = OutsourcedTraining(user, trainer).run(arguments.seed)
    ended = time.perf_counter()
    success = deal.attack_success_rate
    assert success is not None
    print(
        json.dumps(
            {
                "seed": arguments.seed,
                "total_s": ended - started,
                "load_s": loaded - started,
                "train_s": deal.delivery.train_s,
                "clean_accuracy": deal.clean_accuracy.value,
                "attack_success_rate": success.value,
                "decision": deal.decision,
                "precision": deal.delivery.precision,
                "threads": torch.get_num_threads(),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.from_files", description=__doc__)
    parser.add_argument("--data", default="mnist", help="name of the data set")
    parser.add_argument("--seed", type=int, default=0, help="everything random follows from it")
    parser.add_argument("--held-back", type=int, default=0, help="measure on training images")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how much is trained on")
    return parser.parse_args()


def _limited(data: DataSet, images: int) -> DataSet:
    if images >= len(data.train):
        return data
    return dataclasses.replace(data, train=data.train.sample(images, seed=0))


if __name__ == "__main__":
    main()
