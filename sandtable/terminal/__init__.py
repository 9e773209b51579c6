"""The terminal: what a command shows while it works, and its results.

Every ``show_…`` takes a console and the document that ``--json`` would print, or a resource graph.
"""

from sandtable.terminal.calibration import show_calibration
from sandtable.terminal.capacity import show_capacity
from sandtable.terminal.console import out
from sandtable.terminal.history import show_history
from sandtable.terminal.images import show_images
from sandtable.terminal.measurement import show_measurement
from sandtable.terminal.money import show_money
from sandtable.terminal.plan import show_drift, show_preview, show_update
from sandtable.terminal.policies import show_check
from sandtable.terminal.progress.steps import Steps
from sandtable.terminal.rehearsal import show_rehearsal
from sandtable.terminal.resources import show_graph
from sandtable.terminal.sweep import show_sweep
from sandtable.terminal.tools import show_tools
from sandtable.terminal.validation import show_validation
from sandtable.terminal.verification import show_verification
from sandtable.terminal.whatif import show_scenarios, show_whatif

__all__ = [
    "Steps",
    "out",
    "show_calibration",
    "show_capacity",
    "show_check",
    "show_drift",
    "show_graph",
    "show_history",
    "show_images",
    "show_measurement",
    "show_money",
    "show_preview",
    "show_rehearsal",
    "show_scenarios",
    "show_sweep",
    "show_tools",
    "show_update",
    "show_validation",
    "show_verification",
    "show_whatif",
]
