"""MapReduce over files on one machine or one shared folder (Dean and Ghemawat, OSDI 2004).

Rule 1: a task may run twice, at the same time or after a crash. Its output appears under its final name by one rename, and every run of a
task writes the same bytes, so it does not matter whose rename comes last.
Rule 2: the coordinator keeps nothing that the folder does not say: after a crash it goes on from the outputs that are there.
Rule 3: memory is bounded: a mapper spills sorted runs to disk, a reducer merges them.

When to use something else: more data than one machine reads in the time there is, joins of several inputs, or queries that change every
day. Spark and Ray do that; this does one pass over files with no server to run.
"""
