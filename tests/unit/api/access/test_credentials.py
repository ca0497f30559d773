"""What shows who asks, and what is refused (hostile inputs A05, A10, A11, A12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.access import gate
from api.access.throttle import WINDOW, WRONG, Throttle
from twin.accounts import Scope
from twin.errors import InvalidParameter
from twin.settings import Settings

RULES = """
[[rule]]
role = "water"
layers = "houses"
"""


def test_nobody_in_particular_is_anonymous(door):
    answer = door.get("/api/me").json()
    assert (answer["principal"], answer["roles"], answer["open"]) == ("anonymous", ["anonymous"], True)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_is_taken_from_either_header(door, header):
    text = door.key("water", "planner")
    value = f"Bearer {text}" if header == "Authorization" else text
    answer = door.client.get("/api/me", headers={header: value}).json()
    assert answer["roles"] == ["anonymous", "planner", "water"]
    assert answer["principal"] == f"key:{text.split('_')[1]}"


def test_what_is_no_key_that_stands_is_401_with_a_challenge(door):
    text, expiring = door.key(), door.key(expires=datetime.now(UTC) + timedelta(milliseconds=1))
    revoked = door.key()
    door.access.keys.revoke(revoked.split("_")[1], now=datetime.now(UTC))
    other = "A" if text[-1] != "A" else "B"
    for wrong in (text.rpartition("_")[0], text[:-1] + other, revoked, expiring):
        answer = door.get("/api/me", wrong)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert wrong not in answer.text


@pytest.mark.parametrize(
    "value", ["", " ", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "twin_", "Bearer é"]
)
def test_an_empty_or_malformed_authorization_is_401_never_anonymous(door, value):
    answer = door.client.get("/api/me", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401


def test_an_empty_key_and_two_credentials_are_401(door):
    text = door.key()
    assert door.client.get("/api/me", headers={"X-API-Key": ""}).status_code == 401
    both = {"X-API-Key": text, "Authorization": f"Bearer {text}"}
    assert door.client.get("/api/me", headers=both).status_code == 401
    twice = [("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")]
    assert door.client.get("/api/me", headers=twice).status_code == 401


@pytest.mark.parametrize("path", ["/api/me", "/ogc/collections", "/tiles/map/0/0/0.png", "/index.html"])
@pytest.mark.parametrize("name", ["api_key", "access_token", "TOKEN", "x"])
def test_a_credential_in_the_address_is_refused_and_never_logged(door, path, name):
    text = door.key()
    answer = door.get(f"{path}?{name}={text}")
    assert answer.status_code == 400
    assert "Authorization" in answer.json()["detail"]
    assert text not in answer.text
    assert all(text not in row.path + row.note for row in door.log())


def test_a_scope_says_what_a_key_is_for(door):
    post = {"json": {}, "headers": {}}
    for scope, reads, writes, observes in (
        (Scope.READ, True, False, False),
        (Scope.WRITE, False, True, False),
        (Scope.INGEST, False, False, True),
    ):
        post["headers"] = {"X-API-Key": door.key(scopes=(scope,))}
        answers = (
            door.client.get("/ogc/collections", headers=post["headers"]),
            door.client.post("/ogc/collections/incidents/items", **post),
            door.client.post("/sta/v1.1/Datastreams(1)/Observations", **post),
        )
        assert tuple(a.status_code != 403 for a in answers) == (reads, writes, observes)
        assert (
            door.client.options("/ogc/collections/houses/items", headers=post["headers"]).status_code != 403
        ) == reads
        analysis = door.client.post("/ogc/processes/impact/execution", **post)
        assert (analysis.status_code != 403) == reads


def test_a_scope_holds_behind_a_proxys_prefix_too():
    scope = {"type": "http", "method": "POST", "path": "/twin/sta/v1.1/Datastreams(1)/Observations"}
    assert gate.purpose("POST", gate.inside({**scope, "root_path": "/twin"})) is Scope.INGEST


def test_the_audit_log_is_for_auditors_even_where_all_else_is_open(door):
    assert door.get("/api/audit").status_code == 401
    assert "WWW-Authenticate" in door.get("/api/audit").headers
    assert door.get("/api/audit", door.key("water")).status_code == 403
    for role in ("admin", "auditor"):
        assert door.get("/api/audit?limit=1", door.key(role)).status_code == 200
    assert door.get("/api/audit?limit=x", door.key("admin")).status_code == 400
    assert door.get("/api/audit?nope=1", door.key("admin")).status_code == 400


def test_with_rules_no_credential_means_no_right_and_a_key_its_roles(make):
    door = make(rules=RULES)
    assert door.get("/ogc/collections/houses/items").status_code == 404
    assert door.get("/ogc/collections/houses/items?limit=1", door.key("other")).status_code == 404
    seen = door.get("/ogc/collections/houses/items?limit=1", door.key("water"))
    assert seen.json()["numberMatched"] == 25
    assert door.get("/ogc/collections/incidents/items", door.key("water")).status_code == 404


def test_rules_that_change_hold_from_the_next_request_on(make):
    door = make(rules=RULES)
    text = door.key("planner")
    assert door.get("/api/layers", text).json()["layers"] == []
    (door.home / "rules.toml").write_text(RULES.replace("water", "planner") + "# changed\n")
    assert [found["id"] for found in door.get("/api/layers", text).json()["layers"]] == ["houses"]


def test_rules_that_do_not_parse_open_nothing(make):
    door = make(rules="[[rule]\n")
    for credential in (None, door.key("water"), door.key("admin")):
        assert door.get("/api/layers", credential).json()["layers"] == []


def test_answers_to_somebody_are_kept_out_of_shared_caches(make):
    door = make(rules=RULES)
    (door.home / "static" / "assets").mkdir(parents=True)
    (door.home / "static" / "assets" / "a.js").write_text("1")
    answer = door.get("/assets/a.js", door.key())
    assert "public" not in answer.headers["Cache-Control"]
    for credential in (None, door.key()):
        assert "Authorization" in door.get("/api/layers", credential).headers["Vary"]


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_no_other_origin_is_let_in(door, origin):
    for credential in (None, door.key()):
        answer = door.get("/api/layers", credential, Origin=origin)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    body = {"type": "Feature"}
    headers = {"Origin": origin, "Authorization": f"Bearer {door.key()}"}
    assert door.client.post("/ogc/collections/incidents/items", json=body, headers=headers).status_code == 403


def test_guessing_ends_in_429_and_those_who_were_right_go_on(make):
    now = [0.0]
    door = make(throttle=Throttle(clock=lambda: now[0]))
    right, late = door.key(), door.key()
    assert door.get("/api/me", right).status_code == 200
    statuses = [door.get("/api/me", f"twin_{n:016}_x").status_code for n in range(WRONG + 5)]
    assert statuses == [401] * WRONG + [429] * 5
    answer = door.get("/api/me", "e30.e30.e30")
    # Right or wrong, it is not told.
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW + 1
    assert door.get("/api/me", right).status_code == 200
    # A right key cannot have been guessed.
    assert door.get("/api/me", late).status_code == 200
    assert door.get("/api/me").status_code == 200
    now[0] += WINDOW + 1
    assert door.get("/api/me", "e30.e30.e30").status_code == 401


def test_a_credential_of_a_megabyte_is_refused_unlooked_at(door):
    assert door.get("/api/me", "x" * 20_000).status_code == 401
    assert door.get("/api/me", "x" * 1_000_000).status_code == 431


def test_a_waiting_address_does_not_make_another_wait():
    throttle = Throttle(clock=lambda: 0.0)
    for _ in range(WRONG):
        throttle.wrong("10.0.0.1")
    assert throttle.waits("10.0.0.1", "x") > 0
    assert throttle.waits("10.0.0.2", "x") == 0


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"oidc_issuer": "https://sso.example"}, "AUDIENCE"),
        ({"oidc_issuer": "https://sso.example", "oidc_audience": " "}, "AUDIENCE"),
        ({"oidc_issuer": "http://sso.example", "oidc_audience": "a"}, "https"),
        ({"oidc_issuer": "sso.example", "oidc_audience": "a"}, "https"),
    ],
)
def test_settings_that_would_believe_anybody_do_not_start(tmp_path, given, word):
    from api.access import opened

    with pytest.raises(InvalidParameter, match=word), opened(Settings(home=tmp_path, **given)):
        pass
