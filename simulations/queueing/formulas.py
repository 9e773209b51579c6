"""Closed forms of queueing theory (Gross and Harris, Fundamentals of Queueing Theory).

Loads are in erlangs: arrival rate times mean service time.
"""

from __future__ import annotations


def erlang_b(servers: int, load: float) -> float:
    """Return the share of customers that M/G/c/c turns away.

    >>> round(erlang_b(10, 8), 10)
    0.1216610643
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of customers that must wait in M/M/c.

    Raises:
        ValueError: the load reaches the number of servers, and the queue grows without end.

    >>> round(erlang_c(3, 2.4), 6)
    0.647191
    """
    _stable(servers, load)
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def mean_wait_mmc(servers: int, load: float) -> float:
    """Return the mean wait in M/M/c, in mean service times.

    Raises:
        ValueError: the load reaches the number of servers.
    """
    return erlang_c(servers, load) / (servers - load)


def mean_wait_mg1(load: float, cv2: float) -> float:
    """Return the mean wait in M/G/1, in mean service times, by Pollaczek and Khinchine.

    Args:
        load: the utilisation.
        cv2: squared coefficient of variation of the service time, 1 if it is exponential.

    Raises:
        ValueError: the load reaches 1.
    """
    _stable(1, load)
    return load / (1 - load) * (1 + cv2) / 2


def _stable(servers: int, load: float) -> None:
    if not 0 <= load < servers:
        raise ValueError(f"a load of {load:g} on {servers} servers: the queue grows without end")
