"""A predicted distribution: the share of requests at least this fast, with its band; beside it the same of the baseline, dashed.

Axes as in ``distribution.py``: logarithmic time, and shares on a normal-probability scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from sandtable.report.charts import svg
from sandtable.report.charts.distribution import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, frame, time_axis
from sandtable.report.charts.scale import Probability
from sandtable.report.words.quantities import figure

if TYPE_CHECKING:
    from sandtable.document.answers.whatif import LatencyLevel

_HIGH = 0.997


def forecast(ident: str, title: str, levels: Sequence[LatencyLevel], baseline: Sequence[LatencyLevel] = ()) -> Markup:
    """Return the picture of ``levels``; a sentence if there are none. ``baseline`` is empty if they are its own."""
    drawn = [(one, one.mean) for one in levels if one.mean is not None]
    if not drawn:
        return svg.element("p", f"{title}: too few good requests for a distribution.", class_="empty")
    other = [(one, one.mean) for one in baseline if one.mean is not None]
    x = time_axis([mean for _, mean in (*drawn, *other)])
    y = Probability(_HIGH, BOTTOM, TOP)
    parts = frame(x, y)
    fast = [(x(one.band90[0] if one.band90[0] is not None else mean), y(one.share)) for one, mean in drawn]
    slow = [(x(one.band90[1] if one.band90[1] is not None else mean), y(one.share)) for one, mean in drawn]
    parts.append(svg.path([*fast, *reversed(slow)], "area", closed=True))
    if other:
        parts.append(svg.path([(x(mean), y(one.share)) for one, mean in other], "series sent"))
        parts += [svg.line(LEFT + 210, 14, LEFT + 240, 14, "series sent"), svg.text(LEFT + 246, 18, "baseline", "legend")]
    parts.append(svg.path([(x(mean), y(one.share)) for one, mean in drawn], "series level"))
    parts.append(svg.text(LEFT, 18, title, "panel-heading"))
    said = ", ".join(f"{one.share * 100:g} % within {figure(mean, 'ms')} ms" for one, mean in drawn)
    return svg.picture(ident, title, f"{said}. The table below the chart has the data.", (WIDTH, HEIGHT), parts)
