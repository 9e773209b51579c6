"""The sum is exact whoever drops out, and whatever is changed on the way is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workloads.federation.rounds import Sides, session_of, signing_key, updates_of
from workloads.federation.errors import ProtocolError, UpdateError
from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.keys import KeyPair
from workloads.federation.secure_aggregation.messages import Advertisement, SealedShares, Unmasking
from workloads.federation.secure_aggregation.session import Session


@settings(max_examples=25)
@given(st.data())
def test_the_sum_is_exact_for_every_way_of_dropping_out_that_leaves_the_threshold(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 7))
    threshold = data.draw(st.integers(count // 2 + 1, count))
    session = session_of(count, threshold)
    leaves = dict.fromkeys(session.roster, 5)
    for name in data.draw(st.lists(st.sampled_from(sorted(session.roster)), unique=True, max_size=count - threshold)):
        leaves[name] = data.draw(st.integers(0, 4))
    gone = [[name for name, step in leaves.items() if step == at] for at in range(5)]
    updates = updates_of(session, seed=count)
    sides = Sides(session)
    sides.advertise(gone[0])
    sides.share(gone[1])
    sides.mask(updates, gone[2])
    sides.consent(gone[3])
    result = sides.unmask(gone[4])
    assert result.contributors == {name for name, step in leaves.items() if step > 2}
    assert (result.words == sum(updates[name] for name in sorted(result.contributors))).all()


@pytest.mark.parametrize("step", range(5))
def test_below_the_threshold_the_round_ends_and_says_who_is_missing(step: int) -> None:
    session = session_of(4, 3)
    sides = Sides(session)
    gone = [["c1", "c2"] if at == step else [] for at in range(5)]

    def play() -> None:
        sides.advertise(gone[0])
        sides.share(gone[1])
        sides.mask(updates_of(session), gone[2])
        sides.consent(gone[3])
        sides.unmask(gone[4])

    with pytest.raises(ProtocolError, match=r"2 of 4 clients .* threshold of 3; missing: c1, c2"):
        play()


def masked(session: Session) -> Sides:
    sides = Sides(session)
    sides.advertise()
    sides.share()
    sides.mask(updates_of(session), ["c3"])
    return sides


@pytest.mark.parametrize("change", ["sealing_key", "masking_key", "seed_digest", "signature"])
def test_a_key_that_was_swapped_on_the_way_is_refused_by_every_client(change: str) -> None:
    sides = Sides(session_of(4, 3))
    sides.advertise()
    advertisements = dict(sides.server.advertisements())
    advertisements["c2"] = replace(advertisements["c2"], **{change: bytes(len(getattr(advertisements["c2"], change)))})
    for client in sides.clients.values():
        with pytest.raises(ProtocolError, match="'c2'"):
            client.share(advertisements)


def test_the_server_refuses_a_message_that_is_late_early_repeated_or_of_a_stranger() -> None:
    session = session_of(4, 3)
    sides = Sides(session)
    first = sides.clients["c0"].advertise()
    sides.server.receive(first)
    assert sides.server.awaited == {"c1", "c2", "c3"}
    with pytest.raises(ProtocolError, match="'c0' has sent its Advertisement twice"):
        sides.server.receive(first)
    with pytest.raises(ProtocolError, match="'nobody' does not take part"):
        sides.server.receive(replace(first, sender="nobody"))
    with pytest.raises(ProtocolError, match="SealedShares of client 'c1' is early"):
        sides.server.receive(SealedShares("c1", {}, {}))
    for name in ("c1", "c2"):
        sides.server.receive(sides.clients[name].advertise())
    sides.server.advertisements()
    with pytest.raises(ProtocolError, match="Advertisement of client 'c3' is late"):
        sides.server.receive(sides.clients["c3"].advertise())


def test_the_keys_of_another_round_are_refused() -> None:
    before, now = session_of(3, 2, number=1), session_of(3, 2, number=2)
    old = Client(before, "c0", signing_key("c0")).advertise()
    with pytest.raises(ProtocolError, match="round 2: client 'c0' has not signed the keys"):
        Sides(now).server.receive(old)


def test_shares_that_were_changed_on_the_way_are_refused_by_their_receiver() -> None:
    session = session_of(3, 2)
    sides = Sides(session)
    sides.advertise()
    sides.share()
    sealed = {name: dict(each) for name, each in sides.server.sealed_shares().items()}
    content = bytearray(sealed["c0"]["c1"])
    content[40] ^= 1
    with pytest.raises(ProtocolError, match="shares of client 'c1' for client 'c0' were changed"):
        sides.clients["c0"].mask({**sealed["c0"], "c1": bytes(content)}, updates_of(session)["c0"])
    with pytest.raises(ProtocolError, match="next step is ended"):
        sides.clients["c0"].mask(sealed["c0"], updates_of(session)["c0"])
    with pytest.raises(ProtocolError, match="shares of client 'c0' for client 'c1' were changed"):
        sides.clients["c1"].mask({**sealed["c1"], "c0": sealed["c2"]["c0"]}, updates_of(session)["c1"])


def test_a_share_that_was_never_dealt_is_refused_and_the_round_goes_on_without_its_sender() -> None:
    session = session_of(4, 2 + 1)
    updates = updates_of(session)
    sides = Sides(session)
    sides.advertise()
    sides.share()
    sides.mask(updates)
    sides.consent()
    consents = sides.server.consents()
    answers = {name: client.unmask(consents) for name, client in sides.clients.items()}
    forged = {**answers["c1"].seed_shares, "c2": bytes(66)}
    with pytest.raises(ProtocolError, match="client 'c1' has handed in a share of client 'c2' that was never dealt"):
        sides.server.receive(replace(answers["c1"], seed_shares=forged))
    for name in ("c0", "c2", "c3"):
        sides.server.receive(answers[name])
    assert (sides.server.sum().words == sum(updates.values())).all()


def test_a_client_that_deals_shares_of_something_else_is_named() -> None:
    session = session_of(3, 2)
    sides = Sides(session)
    sides.clients["c0"]._seed, honest = b"x" * 32, sides.clients["c0"]._seed
    sides.advertise()
    sides.clients["c0"]._seed = honest
    sides.share()
    sides.mask(updates_of(session))
    sides.consent()
    with pytest.raises(ProtocolError, match="'c0' has dealt shares that do not give its seed"):
        sides.unmask()


def test_a_server_that_shows_two_views_of_the_survivors_gets_no_share() -> None:
    session = session_of(5, 3)
    sides = Sides(session)
    sides.advertise()
    sides.share()
    sides.mask(updates_of(session))
    everyone = sides.server.survivors()
    views = {"c0": everyone, "c1": everyone, "c2": everyone - {"c4"}, "c3": everyone - {"c4"}}
    signed = {name: sides.clients[name].consent(view).signature for name, view in views.items()}
    for name in views:
        with pytest.raises(ProtocolError, match="has not signed the consent"):
            sides.clients[name].unmask(signed)


def test_never_both_secrets_of_one_client() -> None:
    session = session_of(4, 3)
    sides = masked(session)
    sides.consent()
    consents = sides.server.consents()
    answer = sides.clients["c0"].unmask(consents)
    assert answer.masking_key_shares.keys() == {"c3"}
    assert answer.seed_shares.keys() == {"c0", "c1", "c2"}
    with pytest.raises(ProtocolError):
        sides.clients["c0"].unmask(consents)


@pytest.mark.parametrize(
    ("survivors", "text"),
    [({"c0", "c1"}, "fewer than the threshold"), ({"c1", "c2", "c3"}, "not among"), ({"c0", "c1", "stranger"}, "not among")],
)
def test_a_client_does_not_sign_survivors_that_cannot_be(survivors: set[str], text: str) -> None:
    sides = masked(session_of(4, 3))
    with pytest.raises(ProtocolError, match=text):
        sides.clients["c0"].consent(frozenset(survivors))


def test_masks_of_two_rounds_differ_and_hide_the_update() -> None:
    seen = []
    for number in (1, 2):
        session = session_of(3, 2, 20_000, number=number)
        sides = Sides(session)
        sides.advertise()
        sides.share()
        sealed = sides.server.sealed_shares()
        seen.append(sides.clients["c0"].mask(sealed["c0"], np.zeros(20_000, np.uint32)).words)
    assert (seen[0] == seen[1]).mean() < 0.001
    counts = np.bincount(seen[0].view(np.uint8), minlength=256)
    chi_square = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert 255 - 6 * 22.6 < chi_square < 255 + 6 * 22.6  # 255 degrees of freedom: a standard deviation of 22.6


@pytest.mark.parametrize("words", [np.zeros(4, np.uint32), np.zeros((5, 1), np.uint32), np.zeros(5, np.int64)])
def test_an_update_of_another_shape_or_type_is_refused_by_name(words: np.ndarray) -> None:  # type: ignore[type-arg]
    session = session_of(3, 2)
    sides = Sides(session)
    sides.advertise()
    sides.share()
    with pytest.raises(UpdateError, match="client 'c0'"):
        sides.clients["c0"].mask(sides.server.sealed_shares()["c0"], words)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: {"threshold": 2}, "more than half of 4"),
        (lambda s: {"threshold": 5}, "at most 4"),
        (lambda s: {"length": 0}, "one entry"),
        (lambda s: {"roster": {**s.roster, "c1": s.roster["c0"]}}, "same signing key"),
    ],
)
def test_a_session_that_could_not_hold_is_refused(change: Callable[[Session], dict[str, object]], text: str) -> None:
    session = session_of(4, 3)
    fields = {"run": "run", "number": 1, "roster": session.roster, "threshold": 3, "length": 5}
    with pytest.raises(ProtocolError, match=text):
        Session(**{**fields, **change(session)})  # type: ignore[arg-type]


def test_a_client_with_another_signing_key_than_the_roster_says_is_refused() -> None:
    with pytest.raises(ProtocolError, match="signing key of client 'c0'"):
        Client(session_of(3, 2), "c0", signing_key("c1"))


def test_a_pair_shares_another_key_for_every_session_and_purpose() -> None:
    one, two = KeyPair.generate(), KeyPair.generate()
    keys = {one.agree(two.public, context, purpose) for context in (b"1", b"2") for purpose in ("mask", "shares")}
    assert len(keys) == 4
    assert two.agree(one.public, b"1", "mask") in keys


def test_messages_name_their_sender_and_hold_a_digest_of_every_share() -> None:
    session = session_of(3, 2)
    sides = Sides(session)
    sides.advertise()
    advertisements = sides.server.advertisements()
    dealt = sides.clients["c0"].share(advertisements)
    assert isinstance(advertisements["c0"], Advertisement)
    assert dealt.digests.keys() == session.roster.keys()
    assert dealt.digests["c0"][1] == sha256(sides.clients["c0"]._shares["c0"][1]).digest()
    with pytest.raises(ProtocolError, match="has not dealt one share"):
        sides.server.receive(replace(dealt, sealed={}))


def test_an_unmasking_that_leaves_someone_out_is_refused() -> None:
    sides = masked(session_of(4, 3))
    sides.consent()
    sides.server.consents()
    with pytest.raises(ProtocolError, match="'c0' has not handed in one share for each"):
        sides.server.receive(Unmasking("c0", {}, {}))
