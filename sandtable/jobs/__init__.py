"""What the commands do: one use case a file, typed values in, frozen values out.

Rule 1: a use case is written once. ``rehearse`` and every command compose these; none of them knows another's order.
Rule 2: a job shows its own step; what it returns is complete, and nobody fills it in later.
Rule 3: a job that cannot be done raises the error of the floor below, or says in its :class:`~sandtable.jobs.remarks.Remarks` what is
missing where the rest can go on without it.
"""
