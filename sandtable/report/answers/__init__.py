"""The answers of single commands as pages of their own: one HTML file each, without network or script."""

from sandtable.report.answers.capacity import capacity_page
from sandtable.report.answers.cost import cost_page
from sandtable.report.answers.whatif import whatif_page

__all__ = ["capacity_page", "cost_page", "whatif_page"]
