"""What `lint` can say of a model folder: one table, from which all texts about rules are made."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first. An error: code that loading may run, bytes that are not those stated, or something
that was not looked at. A warning: to be looked at before use. Info: assurance that is missing."""


class Rule(NamedTuple):
    """One thing that can be said.

    Attributes:
        severity: how bad it is.
        meaning: what it is, in one sentence.
        remedy: what to do.
    """

    severity: Severity
    meaning: str
    remedy: str


RULES: dict[str, Rule] = {
    "pickle-code": Rule(
        "error",
        "A pickle names a function or class that weights do not need: loading imports or calls it.",
        "Do not load it. Ask for safetensors; or `badnets import`, which runs nothing, makes a "
        "bundle of the weights alone.",
    ),
    "keras-code": Rule(
        "error",
        "A Keras model holds a Lambda or names code outside Keras, which is run when it is loaded "
        "or used.",
        "Do not load it, with safe_mode off least of all. Ask for weights alone.",
    ),
    "remote-code": Rule(
        "error",
        "A configuration names Python code of its maker's own, which is run when loading allows "
        "it (trust_remote_code).",
        "Read that code at a fixed revision, or take a model that its library knows.",
    ),
    "config-code": Rule(
        "error",
        "A configuration names Python objects that unsafe YAML loaders or hydra's instantiate "
        "would call.",
        "Do not load it with such a loader; take the line out.",
    ),
    "executable": Rule(
        "error",
        "A program or a script of the shell lies among the weights, which need none.",
        "Do not start it, whatever the model card says. Delete it.",
    ),
    "exported-program": Rule(
        "error",
        "A .pt2 archive may hold pickles and compiled code, which torch.export.load runs.",
        "Do not load it. Ask for safetensors or ONNX.",
    ),
    "archive-paths": Rule(
        "error",
        "An archive holds names that lead out of the folder that it is unpacked in.",
        "Do not unpack it.",
    ),
    "checksum-mismatch": Rule(
        "error",
        "The file is not the one that its checksum, or its name, was made for.",
        "Delete it and fetch it again; if that does not help, tell whoever published it.",
    ),
    "bundle-damaged": Rule(
        "error",
        "A bundle of badnets is not what its manifest says.",
        "Fetch it again.",
    ),
    "malformed": Rule(
        "error",
        "The file is not sound: what it says of itself does not fit what it holds.",
        "Fetch it again; a file that stays so is not to be loaded.",
    ),
    "link-outside": Rule(
        "error",
        "A link leads out of the folder, or nowhere. It was not followed.",
        "Replace it by the file that it means, after looking at that.",
    ),
    "special-file": Rule(
        "error",
        "A pipe, socket or device, which no model has. It was not opened.",
        "Delete it.",
    ),
    "external-data": Rule(
        "error",
        "A model keeps weights in a file outside of its folder, or in one that is missing or too "
        "short.",
        "Do not load it: it may read any file. Ask for a model in one folder.",
    ),
    "not-scanned": Rule(
        "error",
        "It could not be looked at, or not to its end. That is not the same as nothing found.",
        "Unpack or convert it, fetch it whole, or leave it out; then lint again.",
    ),
    "pickle-global": Rule(
        "warning",
        "A pickle of NumPy or of a training names classes that its data needs, but weights do not.",
        "Load it with weights_only=True or not at all; ask for safetensors.",
    ),
    "torchscript": Rule(
        "warning",
        "An archive of TorchScript holds code, which is run when the model is used.",
        "Run it in a limited process, or ask for safetensors.",
    ),
    "python-code": Rule(
        "warning",
        "Python code lies among the weights. It runs when it is imported or started.",
        "Read it before you run it.",
    ),
    "notebook": Rule(
        "warning",
        "A notebook holds code cells.",
        "Read them before you run them.",
    ),
    "template-code": Rule(
        "warning",
        "A chat template reaches for Python's insides, which runs code where the template engine "
        "has no sandbox.",
        "Use a runtime that has one, or another template.",
    ),
    "safetensors-oddity": Rule(
        "warning",
        "A safetensors header holds names or texts that no library writes.",
        "Look at them. The format itself runs nothing.",
    ),
    "control-flow": Rule(
        "warning",
        "If, Loop or Scan decides by the input. A backdoor can be built of it without training; "
        "this is an indicator, honest models have it too.",
        "Ask what it is for; `badnets audit model` looks at what the model answers.",
    ),
    "foreign-operators": Rule(
        "warning",
        "A graph uses operators that need a library of their maker's own, or that read and write "
        "files.",
        "Do not load that library; ask for a model of standard operators.",
    ),
    "weak-checksum": Rule(
        "warning",
        "The only checksum is MD5 or SHA-1, for which two files can be made to agree.",
        "Publish SHA-256 too.",
    ),
    "truncated-checksum": Rule(
        "warning",
        "The only checksum is a part of one: 8 hex digits are found again in minutes.",
        "Compare the whole SHA-256.",
    ),
    "missing-file": Rule(
        "warning",
        "An index or a list of checksums names a file that is not there, or says nothing that can "
        "be read.",
        "Fetch the folder again, or mend the list.",
    ),
    "expired": Rule(
        "warning",
        "A signed statement beside the model is past its date.",
        "Ask for a new one.",
    ),
    "pickle-weights": Rule(
        "info",
        "A pickle of tensors and plain values alone.",
        "Load it with weights_only=True; better, ask for safetensors.",
    ),
    "no-checksum": Rule(
        "info",
        "Weights without a checksum: nothing says whether they are the published ones.",
        "Publish SHA256SUMS beside them.",
    ),
    "unsigned": Rule(
        "info",
        "No signature lies beside the model: nothing says who made it.",
        "Sign it (OpenSSF Model Signing).",
    ),
    "signature-unchecked": Rule(
        "info",
        "There is a signature, which lint does not check.",
        "Verify it with the key of whom you trust.",
    ),
    "unaudited": Rule(
        "info",
        "No signed statement says that somebody looked for a backdoor.",
        "`badnets audit model` looks for one.",
    ),
    "base-model-unnamed": Rule(
        "info",
        "An adapter does not say which model it belongs to, or names a path of its maker's "
        "machine.",
        "Name it in adapter_config.json and in the model card.",
    ),
    "base-model-unpinned": Rule(
        "info",
        "The model that this one is built on is named without a revision: it may change.",
        "Name the commit too.",
    ),
    "licence-missing": Rule(
        "info",
        "Nothing says under which licence the model may be used.",
        "Name it in the model card, or add a LICENSE.",
    ),
    "link-inside": Rule(
        "info",
        "A link to a file of the same folder, which was looked at under its own name.",
        "Nothing, if the link is meant.",
    ),
    "git-folder": Rule(
        "info",
        "Git's own history, which no library loads, was not looked at.",
        "Delete .git if you do not need it.",
    ),
}
"""Id -> rule, worst first. The ids are stable."""
