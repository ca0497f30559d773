"""Rules: what is understood, what is refused and where, and that nothing opens by mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twin.errors import InvalidParameter
from twin.model import Layer, Titles
from twin.policy import Policy, Principal
from twin.rules import Rules, parse
from twin.shown import shown

LAYER = Layer(id="pipes", kind="networks", title=Titles(zh="管线"))
RASTER = Layer(id="dem", kind="terrain", title=Titles(zh="地形"), geometry="Raster")


def who(*roles: str, until: datetime | None = None) -> Principal:
    return Principal(id="x", roles=frozenset({"anonymous", *roles}), until=until)


def written(home: Path, text: str) -> None:
    """As an editor does: aside, then moved into place, so that the file is another one."""
    aside = home / "aside"
    aside.write_text(text, "utf-8")
    aside.replace(home / "rules.toml")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("snapp = 5", "snapp"),
        ("snap = -1", "snap"),
        ("snap = true", "snap"),
        ('rows = "height <"', "rule 2"),
        ("rows = \"recorded_to > TIMESTAMP('2024-01-01T00:00:00Z')\"", "recorded_to"),
        ('area = "POINT (1 1)"', "area"),
        ('area = "POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))"', "area"),
        ('area_mode = "clip"', "area"),
        ('rights = ["delete"]', "delete"),
        ('columns = { owner = "secret" }', "owner"),
        ('columns = { id = "hidden" }', "id"),
        ('time = ["2024-01-01"]', "time"),
        ('time = ["2024-01-01", "2023-01-01"]', "time"),
        ('valid = ["yesterday", ".."]', "yesterday"),
        ('roles = ["c"]', "role"),
    ],
)
def test_what_nobody_understands_is_refused_with_its_place(line: str, word: str) -> None:
    text = f'[[rule]]\nrole = "a"\nlayers = "*"\n\n[[rule]]\nrole = "a"\nlayers = "*"\n{line}\n'
    with pytest.raises(InvalidParameter) as error:
        parse(text)
    assert "rule 2 (line 5)" in str(error.value)
    assert word in str(error.value)


def whole(policy: Policy) -> bool:
    """Whether the layer is seen as it is."""
    found = shown(LAYER, policy)
    return found is not None and found.whole


def test_without_a_file_everything_is_open_and_with_one_only_what_it_grants(tmp_path: Path) -> None:
    rules = Rules.load(tmp_path)
    assert not rules.any
    assert rules.policy(who()) == Policy.open()
    epoch = rules.epoch
    written(tmp_path, '[[rule]]\nrole = "a"\nlayers = ["kind:networks"]\n')
    assert rules.any
    assert rules.epoch > epoch
    assert whole(rules.policy(who("a")))
    assert not rules.policy(who("b")).of_layer(LAYER)
    assert rules.policy(who("a")).key == rules.policy(who("a", "b")).key


@pytest.mark.parametrize("text", ["", "[[rule]]\nrole =", '[[rule]]\nrole = "a"\nlayer = "*"\n', None])
def test_a_file_that_is_empty_broken_or_gone_denies_everything(tmp_path: Path, text: str | None) -> None:
    written(tmp_path, '[[rule]]\nrole = "a"\nlayers = "*"\n')
    rules = Rules.load(tmp_path)
    assert whole(rules.policy(who("a")))
    if text is None:
        (tmp_path / "rules.toml").unlink()
    else:
        written(tmp_path, text)
    assert rules.any
    assert rules.policy(who("a")).grants == ()
    assert (rules.problem is None) == (text == "")


def test_a_rule_holds_while_it_is_valid_and_a_principal_until_its_credential_ends(tmp_path: Path) -> None:
    now = [datetime(2026, 6, 1, tzinfo=UTC)]
    written(tmp_path, '[[rule]]\nrole = "a"\nlayers = "*"\nvalid = ["2026-01-01", "2027-01-01"]\n')
    rules = Rules(tmp_path / "rules.toml", now=lambda: now[0])
    assert whole(rules.policy(who("a")))
    assert not whole(rules.policy(who("a", until=now[0])))
    assert whole(rules.policy(who("a", until=now[0] + timedelta(seconds=1))))
    now[0] = datetime(2027, 1, 1, tzinfo=UTC)
    assert not rules.policy(who("a")).of_layer(LAYER)


def test_pixels_are_neither_cut_nor_moved(tmp_path: Path) -> None:
    written(tmp_path, '[[rule]]\nrole = "a"\nlayers = "*"\nsnap = 50\n')
    policy = Rules.load(tmp_path).policy(who("a"))
    assert policy.of_layer(LAYER)
    assert not policy.of_layer(RASTER)


def test_a_largest_scale_is_a_limit_unless_another_rule_has_none(tmp_path: Path) -> None:
    one = '[[rule]]\nrole = "a"\nlayers = "*"\nscale = 5000\n'
    written(tmp_path, one + one.replace('"a"', '"b"').replace("scale = 5000", 'rows = "height > 1"'))
    rules = Rules.load(tmp_path)
    assert rules.policy(who("a")).draws(LAYER, 5000)
    assert not rules.policy(who("a")).draws(LAYER, 2500)
    assert rules.policy(who("a", "b")).draws(LAYER, 1)
