"""The programs around the rounds: processes, sockets, files.

``server``, ``client``   one process each, connected by ``transport``
``health``               probes and metrics over HTTP; ``metrics`` writes the text
``enrolment``            keys, certificates and roster of a rehearsal
``rehearsing``           the whole federation in one process, measured
``report``               what a run has come to, as a table
``records``              a client's own records from a file
"""
