"""Users are kept where only their owner reads them; a file that cannot be read lets nobody in."""

from __future__ import annotations

import json
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wan_lora_studio.accounts import Account, UserFile
from wan_lora_studio.errors import SettingsError

PASSWORD, OTHER = "correct horse", "battery staple"


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    made = UserFile(tmp_path / "data" / "users.json")
    made.add("ann", PASSWORD, "admin")
    made.add("bob", OTHER, "creator")
    return made


def test_a_password_belongs_to_one_user(users: UserFile) -> None:
    assert users.signed_in("ann", PASSWORD) == Account(name="ann", role="admin")
    assert users.signed_in("bob", OTHER) == Account(name="bob", role="creator")
    for name, password in (
        ("ann", OTHER),
        ("bob", PASSWORD),
        ("eve", PASSWORD),
        ("", ""),
        ("ann", ""),
    ):
        assert users.signed_in(name, password) is None


def test_no_password_is_kept(users: UserFile) -> None:
    text = users.path.read_text()
    assert PASSWORD not in text
    assert OTHER not in text
    assert text.count("$argon2id$") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_it_is_its_owners_alone(users: UserFile) -> None:
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600
    users.path.chmod(0o644)
    for ask in (users.users, users.tokens, lambda: users.signed_in("ann", PASSWORD)):
        with pytest.raises(SettingsError, match="Others on this computer"):
            ask()


def test_changes_of_another_process_hold_at_once(users: UserFile) -> None:
    assert users.signed_in("ann", PASSWORD)
    UserFile(users.path).set_password("ann", "a new password")
    assert users.signed_in("ann", PASSWORD) is None
    assert users.signed_in("ann", "a new password")
    UserFile(users.path).remove("bob")
    assert users.signed_in("bob", OTHER) is None


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "{", '{"users": {}}', '{"users": {"ann": {}}}', '{"more": 1}', "\0"]
)
def test_a_damaged_file_lets_nobody_in(users: UserFile, content: str) -> None:
    users.path.write_text(content)
    for ask in (users.users, users.tokens, lambda: users.signed_in("ann", PASSWORD)):
        with pytest.raises(SettingsError) as told:
            ask()
        assert told.value.suggestions


def test_one_with_an_unknown_role_lets_nobody_in(users: UserFile) -> None:
    content = json.loads(users.path.read_text())
    content["users"]["bob"]["role"] = "owner"
    users.path.write_text(json.dumps(content))
    with pytest.raises(SettingsError):
        users.users()


def test_a_file_that_goes_away_lets_nobody_in(users: UserFile) -> None:
    users.path.unlink()
    with pytest.raises(SettingsError):
        users.signed_in("ann", PASSWORD)


def test_with_the_last_user_the_file_goes(users: UserFile) -> None:
    users.remove("ann")
    assert users.exists
    users.remove("bob")
    assert not users.exists


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "a/b", "../a", "a\n", "ä\u202eb", "<b>"])
def test_names_that_cannot_be(users: UserFile, name: str) -> None:
    with pytest.raises(SettingsError):
        users.add(name, PASSWORD, "viewer")


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_that_cannot_be(users: UserFile, password: str) -> None:
    with pytest.raises(SettingsError, match="characters"):
        users.add("eve", password, "viewer")
    with pytest.raises(SettingsError, match="characters"):
        users.set_password("ann", password)


def test_a_taken_name_and_an_unknown_one(users: UserFile) -> None:
    with pytest.raises(SettingsError, match="already"):
        users.add("ann", PASSWORD, "viewer")
    for change in (users.remove, lambda name: users.set_password(name, PASSWORD)):
        with pytest.raises(SettingsError, match="no user eve"):
            change("eve")


def test_a_token_can_do_no_more_than_its_user(users: UserFile) -> None:
    key, token = users.add_token("bob", "a script", "admin")
    assert token not in users.path.read_text()
    assert users.of_token(token) == Account(name="bob", role="creator")
    users.set_role("bob", "viewer")
    assert users.of_token(token) == Account(name="bob", role="viewer")
    assert users.of_token(token[:-1]) is None
    assert users.of_token("") is None
    assert not users.remove_token(key, "ann"), "it is not hers"
    assert users.remove_token(key, "bob")
    assert users.of_token(token) is None


def test_a_removed_users_tokens_go_along(users: UserFile) -> None:
    _, token = users.add_token("bob", "a script", "viewer")
    users.remove("bob")
    assert users.of_token(token) is None
    assert users.tokens() == {}


def test_changes_at_the_same_time_lose_nothing(users: UserFile) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda n: users.add_token("ann", f"{n}", "viewer"), range(12)))
    assert set(users.tokens()) == {key for key, _ in made}
    assert not list(users.path.parent.glob("*.part"))
