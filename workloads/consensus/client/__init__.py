"""The client's side.

``channel``   one connection to one member: requests and their answers, watches
``group``     finds the member that leads, and repeats what may be repeated
``store``     the port ``workloads/ports/coordination``
``operator``  members in and out, leadership, status
"""
