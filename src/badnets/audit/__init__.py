"""Finding backdoors in models: the contract of audit methods, and the methods by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.audit.auditing import Audited as Audited
    from badnets.audit.auditing import audit as audit
    from badnets.audit.auditing import model as model
    from badnets.audit.base import AUDITS as AUDITS
    from badnets.audit.base import AuditMethod as AuditMethod
    from badnets.audit.base import AuditTables as AuditTables
    from badnets.audit.base import tables_of as tables_of
    from badnets.audit.calibration import Calibration as Calibration
    from badnets.audit.guard import Guard as Guard
    from badnets.audit.guard import Guarded as Guarded
    from badnets.audit.input_audit import InputsVerdict as InputsVerdict
    from badnets.audit.input_audit import inputs as inputs
    from badnets.audit.input_base import INPUT_METHODS as INPUT_METHODS
    from badnets.audit.input_base import InputMethod as InputMethod
    from badnets.audit.recovery import Recovered as Recovered

__getattr__, __dir__, __all__ = exports(__name__)
