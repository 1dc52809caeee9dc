"""Sign-ins end: by hand, by time, and with their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_lora_studio.accounts.sign_ins import DAY, IDLE_DAYS, MOST_DAYS, SignIns


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_ins(tmp_path: Path, clock: Clock) -> SignIns:
    return SignIns(tmp_path / "sign_ins.sqlite", clock)


def test_a_secret_names_its_user_and_is_not_kept(sign_ins: SignIns, tmp_path: Path) -> None:
    secret = sign_ins.begin("ann", "127.0.0.1 Firefox")
    found = sign_ins.find(secret)
    assert found is not None
    assert (found.user, found.from_where) == ("ann", "127.0.0.1 Firefox")
    assert sign_ins.find(secret[:-1]) is None
    assert sign_ins.find("") is None
    sign_ins.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("sign_ins.sqlite*"))
    assert secret.encode() not in kept


def test_one_ends_and_the_others_go_on(sign_ins: SignIns) -> None:
    desk, phone, bobs = (sign_ins.begin(user, "") for user in ("ann", "ann", "bob"))
    sign_ins.end(desk)
    assert [sign_ins.find(each) is not None for each in (desk, phone, bobs)] == [False, True, True]
    key = sign_ins.of("ann")[0].key
    assert sign_ins.end_of("bob", key) == 0, "it is not his"
    assert sign_ins.end_of("ann") == 1
    assert sign_ins.find(phone) is None
    assert sign_ins.find(bobs) is not None


def test_one_that_is_not_used_ends(sign_ins: SignIns, clock: Clock) -> None:
    used, idle = sign_ins.begin("ann", ""), sign_ins.begin("ann", "")
    clock.now += (IDLE_DAYS - 1) * DAY
    assert sign_ins.find(used) is not None
    clock.now += 2 * DAY
    assert sign_ins.find(used) is not None
    assert sign_ins.find(idle) is None


def test_one_that_is_always_used_ends_too(sign_ins: SignIns, clock: Clock) -> None:
    secret = sign_ins.begin("ann", "")
    for _ in range(int(MOST_DAYS) + 1):
        clock.now += DAY
        found = sign_ins.find(secret)
    assert found is None
    sign_ins.begin("ann", "")
    assert len(sign_ins.of("ann")) == 1, "the old one is forgotten"


def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "sign_ins.sqlite"
    secret = (made := SignIns(path)).begin("ann", "")
    made.close()
    path.write_bytes(b"damaged" * 1000)
    assert SignIns(path).find(secret) is None
