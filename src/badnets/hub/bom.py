"""A bill of materials for a release: CycloneDX 1.6 with its model card, as JSON.

Written by hand: cyclonedx-python-lib 11 has no model cards yet. The tests validate it by the strict
schema that this library carries.

References:
    CycloneDX 1.6 (ECMA-424): components of the type machine-learning-model.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from badnets._version import __version__
from badnets.bundles import Bundle
from badnets.hub.names import ModelName
from badnets.hub.statements import BaseModelRef, SaidFile, manifest_digest


def bill_of_materials(
    name: ModelName, bundle: Bundle, files: Sequence[SaidFile], base: BaseModelRef | None
) -> bytes:
    """Return the bill of a release; the same for the same bundle, byte for byte.

    Args:
        name: with its version.
        bundle: what it tells of itself.
        files: of the bundle.
        base: what it was retrained from.
    """
    digest = manifest_digest(files)
    claims, config = bundle.claims, bundle.config
    ref = f"model:{name}"
    data = [
        {
            "type": "data",
            "bom-ref": f"data:{part}",
            "name": part,
            "hashes": _hashes(sha256),
            "data": [{"type": "dataset", "name": part}],
        }
        for part, sha256 in sorted(claims.data.items())
    ]
    bases = []
    if base is not None:
        author, model = base.name.split("/")
        bases.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"model:{base.name}@{base.version}",
                "group": author,
                "name": model,
                "version": base.version,
                "hashes": _hashes(base.digest),
            }
        )
    model_parameters: dict[str, Any] = {
        "task": config.task,
        "modelArchitecture": config.architecture.name,
        "inputs": [{"format": f"image, {' x '.join(map(str, config.input.shape))}, in [0, 1]"}],
        "outputs": [{"format": f"{config.num_classes} classes"}],
        "datasets": [{"ref": one["bom-ref"]} for one in data],
    }
    card: dict[str, Any] = {"modelParameters": model_parameters}
    if (rate := claims.clean_accuracy) is not None:
        metric = {
            "type": "clean accuracy",
            "value": f"{rate.hits}/{rate.total}",
            "slice": rate.data,
        }
        card["quantitativeAnalysis"] = {"performanceMetrics": [metric]}
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "group": name.author,
        "name": name.model,
        "version": name.version,
        "hashes": _hashes(digest),
        "modelCard": card,
        "components": [
            {
                "type": "file",
                "bom-ref": f"{ref}#{one.name}",
                "name": one.name,
                "hashes": _hashes(one.sha256),
                "properties": [{"name": "badnets:length", "value": str(one.length)}],
            }
            for one in files
        ],
        "properties": [
            {"name": f"badnets:training:{key}", "value": str(value)}
            for key, value in sorted(claims.training.items())
        ],
    }
    tool = {"type": "application", "name": "badnets", "version": __version__}
    metadata: dict[str, Any] = {
        "tools": {"components": [tool]},
        "component": component,
    }
    if claims.created is not None:
        metadata["timestamp"] = claims.created
    needed = [*data, *bases]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}#{digest}')}",
        "version": 1,
        "metadata": metadata,
        "components": needed,
        "dependencies": [{"ref": ref, "dependsOn": [one["bom-ref"] for one in needed]}],
    }
    return json.dumps(bill, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]
