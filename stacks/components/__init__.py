"""The components of a stack: one per file, grouped by subject.

Every component is declared as ``Component(name, environment=…, options=…)`` and follows three rules:

1. No input depends on an output that only a provider can compute, so the graph read without an engine equals the deployed one.
2. Every object has an explicit name, the common labels, and the component as its parent.
3. Every pod is hardened and sized where it is built (``pods.py``), not by a transform, because Pulumi's mocks run no transforms.
"""
