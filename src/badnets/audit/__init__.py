"""Finding backdoors in models and poison in training sets: contracts, and methods by name."""

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
    from badnets.audit.guards.auditing import InputsVerdict as InputsVerdict
    from badnets.audit.guards.auditing import inputs as inputs
    from badnets.audit.guards.base import INPUT_METHODS as INPUT_METHODS
    from badnets.audit.guards.base import InputMethod as InputMethod
    from badnets.audit.guards.guard import Guard as Guard
    from badnets.audit.guards.guard import Guarded as Guarded
    from badnets.audit.recovery import Recovered as Recovered
    from badnets.audit.sets.auditing import AuditedData as AuditedData
    from badnets.audit.sets.auditing import audit_data as audit_data
    from badnets.audit.sets.auditing import data as data
    from badnets.audit.sets.base import DATA_METHODS as DATA_METHODS
    from badnets.audit.sets.base import DataMethod as DataMethod
    from badnets.audit.sets.outputs import write_cleaned as write_cleaned
    from badnets.audit.sets.outputs import write_list as write_list
    from badnets.audit.sets.outputs import write_sheet as write_sheet
    from badnets.audit.sets.results import DataVerdict as DataVerdict

__getattr__, __dir__, __all__ = exports(__name__)
