"""What the commands do: one use case a file, typed values in, frozen values out.

Rule 1: a use case is written once. ``rehearse`` and every command compose these; none of them knows another's order.
Rule 2: a job shows its own step; what it returns is complete, and nobody fills it in later.
Rule 3: a job that cannot be done raises the error of the floor below, or, if the rest can go on without it, says in its
:class:`~sandtable.jobs.remarks.Remarks` what is missing.

To add a step to the rehearsal (a training, a federation, a fault during the load, a gateway in front of the engines): write a job here
that takes what it needs and returns a frozen value with its remarks; call it where it belongs in ``rehearse._take_steps``, or in
``engines.trial`` where it happens around the load. It returns a :class:`~foundation.measures.job.JobOutcome`, whose figures are predicted
and measured; ``Found.with_job`` takes it, and verdict, document, terminal and report show it without knowing the job. A threshold may
name a figure that stands in ``stacks.environment.thresholds.JOB_METRICS``. A job gets the faults of its own kind from ``Options.faults``.
"""
