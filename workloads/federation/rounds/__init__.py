"""Rounds of federated training, without sockets or threads: messages and the time go in, messages come out.

``messages``      what server and clients send each other
``roster``        who takes part
``terms``         what both sides work out from definition and roster
``coordinator``   the server's side; ``collecting`` gathers the updates of one attempt
``participant``   a client's side
``store``, ``site``   what server and client keep on the disk; ``state_file`` is its form
``in_process``    both sides in one process
"""
