"""Models of others: linted, published, pulled and verified before they are loaded; no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.hub.checking import verify as verify
    from badnets.hub.home import Home as Home
    from badnets.hub.inspecting import inspect as inspect
    from badnets.hub.keys import Key as Key
    from badnets.hub.keys import Keyring as Keyring
    from badnets.hub.keys import PublicKey as PublicKey
    from badnets.hub.linting.findings import Finding as Finding
    from badnets.hub.linting.findings import LintReport as LintReport
    from badnets.hub.linting.linting import lint as lint
    from badnets.hub.linting.rules import RULES as RULES
    from badnets.hub.names import ModelName as ModelName
    from badnets.hub.policy import Policy as Policy
    from badnets.hub.policy import read_policy as read_policy
    from badnets.hub.pulling import Allowing as Allowing
    from badnets.hub.pulling import pull as pull
    from badnets.hub.refusals import Refused as Refused
    from badnets.hub.refusals import Unchecked as Unchecked
    from badnets.hub.releases import publish as publish
    from badnets.hub.repository import Repository as Repository
    from badnets.hub.signing import attest as attest
    from badnets.hub.signing import sign_bundle as sign_bundle
    from badnets.hub.trusting import trust as trust

__getattr__, __dir__, __all__ = exports(__name__)
