"""Benchmarks: ratios, with both sides in one run.

    python -m bench                      all of them, one after another, and a table at the end
    python -m bench loop pool            some of them
    python -m bench --quick              small sizes, to see that they run; nothing is judged
    python -m bench --json bench-results.jsonl
    python -m bench hub --json results/hub.jsonl --replace
    python -m bench.scanners             public scanners beside our audit; needs a package index
    python -m bench hub_fuzz hub_checks  counts of the hub, which no busy machine changes

Each benchmark is a module here with ``run(scale)``, and runs in a process of its own. Real MNIST is
found through ``BADNETS_DATA``; where it is not, images of the same shape take its place, which is
said. A figure that is missed does not fail the command. The machine should have nothing else to
do: times of a busy one compare little, times of two different days nothing.
"""

from __future__ import annotations

BENCHMARKS: dict[str, str] = {
    "ledger": "many records, listed and shown",
    "ledger_scale": "a ledger of very many records, asked, claimed from and upgraded",
    "hub": "a large model pulled and verified, against curl, openssl and hashlib",
    "startup": "the command line says what it can do, without torch",
    "poisoning": "triggers on stored images, against a copy of them",
    "on_disk": "a folder of JPEGs poisoned on disk, against plain Pillow",
    "memory": "the most that a training process holds",
    "loop": "the training loop, against a bare one",
    "pipeline": "an epoch, against torchvision's images and a DataLoader",
    "streaming": "images out of a folder, against ImageFolder and a DataLoader",
    "accuracy": "from raw files to a backdoored network",
    "scenes": "drawn road scenes, out of their seeds",
    "detector": "a step of training a detector, against torchvision's bare loop",
    "audit": "the audit of a model: all pairs of classes at once, and each method",
    "classes": "the audit of a model with more and more classes, and under a budget",
    "guard": "what a guard's methods find at the input, and what they cost",
    "hub_models": "a pull of one model, where others have published more and more",
    "pool": "trials in a pool of processes, against one after another",
    "sweeps": "trials that do nothing, in a pool of processes",
    "drivers": "several drivers on one PostgreSQL ledger, against one",
    "sweeps_ray": "trials that do nothing, on a Ray cluster of this machine",
    "sweep_kills": "nodes, drivers and the database killed under a sweep",
    "cohort": "trials trained as one, against one after another and against the pool",
}

COUNTS: dict[str, str] = {
    "audit_pooled": "what an audit finds of the networks of digits and of MNIST together",
    "hub_fuzz": "mutants of all that a client of the hub reads",
    "hub_checks": "payloads, clean folders, kills, other tools and scenarios of the hub",
}
"""Run where they are named: they take minutes, and a busy machine changes nothing in them."""

__all__ = ["BENCHMARKS", "COUNTS"]
