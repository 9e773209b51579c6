"""The documents that ``sandtable`` writes, as types: what ``--json`` prints, what a run folder holds, what every display shows.

Rule 1: commands fill these types from the values of the floors below; terminal, page, Markdown and JUnit render them. Nothing else
carries results.
Rule 2: JSON exists only at the edge: ``writing`` makes it, ``reading`` takes it, and both know no more than the types say.
Rule 3: a field is one line in one type. Its schema in docs/schemas is generated from there (``schemas``), and the tables that list
fields find it by its :class:`~sandtable.document.parts.base.Label`.
Rule 4: units are in the names; a share is between 0 and 1; what is not known is None and never NaN.

To add a section to a rehearsal: write its type in ``parts``, give :class:`~sandtable.document.rehearsal.Rehearsal` a field of it, let
``building`` fill that, and add one display each to ``terminal`` and ``report``.
"""
