"""The rehearsal: from an environment to a verdict, step by step.

The order is the design's (section 4). Rules:
1. Each step says what it did and how long it took. A step that cannot run says what is missing, and its absence goes into the verdict.
2. Nothing is created before the policies agree.
3. Whatever is started is ended, however the rehearsal ends; the run's folder keeps the logs of the engines.
"""

from sandtable.rehearsal.loop import Options, rehearse

__all__ = ["Options", "rehearse"]
