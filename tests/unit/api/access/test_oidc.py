"""Tokens of a real issuer, and forged ones (hostile inputs A01 to A04)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.access import oidc


def part(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def door(make, county):
    return make(issuer=county.url)


@pytest.mark.parametrize("kid", ["r1", "p1", "e1", "d1"])
def test_a_token_of_each_algorithm_is_believed(door, county, kid):
    answer = door.get("/api/me", county.token(kid, roles=["water", "planner"]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["principal"] == f"oidc:{county.url}#li.na"
    assert answer.json()["roles"] == ["anonymous", "planner", "water"]


def test_keys_are_fetched_once(door, county):
    for _ in range(5):
        assert door.get("/api/me", county.token()).status_code == 200
    assert county.asked == ["/.well-known/openid-configuration", "/keys"]


def test_unsigned_and_symmetric_tokens_are_401(door, county, key_pairs):
    claims = part({"sub": "admin", "aud": "onemap", "iss": county.url, "exp": 9999999999})
    for name in ("none", "None", "NONE"):
        assert door.get("/api/me", f"{part({'alg': name})}.{claims}.").status_code == 401
    pem = (
        key_pairs["r1"][1]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "r1"}):
        signed = f"{part(header)}.{claims}"
        mark = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
        text = base64.urlsafe_b64encode(mark).rstrip(b"=").decode()
        assert door.get("/api/me", f"{signed}.{text}").status_code == 401


HOUR = 3600
WRONG = {
    "another audience": {"aud": "other"},
    "several audiences without ours": {"aud": ["a", "b"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "http://127.0.0.1:1"},
    "no issuer": {"iss": None},
    "expired": {"exp": time.time() - HOUR},
    "no expiry": {"exp": None},
    "expiry as text": {"exp": "never"},
    "expiry at infinity": {"exp": 1e300},
    "not yet": {"nbf": time.time() + HOUR},
    "issued tomorrow": {"iat": time.time() + 24 * HOUR},
    "nobody": {"sub": None},
    "an empty name": {"sub": ""},
    "a name that is a number": {"sub": 7},
    "roles that are an object": {"roles": {"a": 1}},
    "roles that are numbers": {"roles": [1]},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_well_signed_token_that_says_the_wrong_thing_is_401(door, county, case):
    answer = door.get("/api/me", county.token(**WRONG[case]))
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_clocks_may_differ_by_a_minute(door, county):
    assert door.get("/api/me", county.token(exp=time.time() - 50)).status_code == 200
    assert door.get("/api/me", county.token(nbf=time.time() + 50)).status_code == 200


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1", "http://127.0.0.1:9/jwks", "", "a" * 300, "r1\n"]
)
def test_a_name_of_a_key_that_is_none_opens_nothing(door, county, kid):
    assert door.get("/api/me", county.token(headers={"kid": kid})).status_code == 401
    assert county.asked == []


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c", "crit"])
def test_a_token_does_not_bring_its_own_key(door, county, name):
    value = {"jku": f"{county.url}/evil", "x5u": f"{county.url}/evil", "jwk": {}, "x5c": [], "crit": ["x"]}[
        name
    ]
    assert door.get("/api/me", county.token(headers={name: value})).status_code == 401
    assert "/evil" not in county.asked


def test_a_signature_by_a_key_of_the_same_name_is_401(door, county):
    real = county.keys["r1"]
    county.keys["r1"] = ("RS256", rsa.generate_private_key(65537, 2048))
    forged = county.token()
    county.keys["r1"] = real
    assert door.get("/api/me", forged).status_code == 401


def test_an_algorithm_that_the_key_is_not_for_is_401(door, county):
    algorithm, key = county.keys["r1"]
    county.keys["r1"] = ("PS256", key)
    token = county.token()
    county.keys["r1"] = (algorithm, key)
    assert door.get("/api/me", token).status_code == 401


def test_a_new_key_of_the_issuer_is_found_and_unknown_names_do_not_make_us_ask_again_and_again(make, county):
    now = [0.0]
    door = make(issuer=county.url)
    door.access.issuer.clock = lambda: now[0]
    assert door.get("/api/me", county.token("r1")).status_code == 200
    before = dict(county.keys)
    county.keys["new"] = ("ES256", before["e1"][1])
    token = county.token("new")
    assert door.get("/api/me", token).status_code == 401
    asked = len(county.asked)
    now[0] += oidc.AGAIN + 1
    assert door.get("/api/me", token).status_code == 200
    assert len(county.asked) == asked + 2
    for n in range(5):
        assert door.get("/api/me", county.token(headers={"kid": f"no{n}"})).status_code == 401
    assert len(county.asked) == asked + 2


def test_an_issuer_that_does_not_answer_is_503_not_401(make, county):
    door = make(issuer="http://127.0.0.1:1")
    answer = door.get("/api/me", county.token(iss="http://127.0.0.1:1"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_keys_that_lie_elsewhere_and_an_issuer_of_another_name_are_not_followed(make, county):
    for about in ({"jwks_uri": "http://127.0.0.1:9/keys"}, {"issuer": "https://other.example"}):
        county.about = about
        door = make(issuer=county.url)
        assert door.get("/api/me", county.token()).status_code == 503
        assert "/keys" not in county.asked


def test_roles_are_found_where_the_settings_say():
    claims = {"realm_access": {"roles": ["a", "*"]}, "https://x.example/roles": "b c", "none": None}
    assert oidc.roles(claims, "realm_access.roles") == {"a"}
    assert oidc.roles(claims, "https://x.example/roles") == {"b", "c"}
    assert oidc.roles(claims, "groups") == oidc.roles(claims, "none") == oidc.roles(claims, "none.x") == set()


def test_a_token_where_no_issuer_is_set_is_401(make, county):
    assert make().get("/api/me", county.token()).status_code == 401
