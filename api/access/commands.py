"""`twin key …`, `twin rules …` and `twin audit …`: for whoever may open the files of TWIN_HOME."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import shapely
import typer

from api.access.opening import now, record, told
from twin import audit as log
from twin import moments
from twin.accounts import Key, Scope, SQLiteKeys
from twin.cql2 import as_text
from twin.errors import StoreDown
from twin.policy import ANONYMOUS, Grant, Principal
from twin.rules import Rules
from twin.settings import Settings, load

Home = Annotated[
    Path | None, typer.Option("--home", envvar="TWIN_HOME", help="the folder that everything lives in")
]
Json = Annotated[bool, typer.Option("--json", help="facts for machines")]
key = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
rules = typer.Typer(no_args_is_help=True, help="The rules (rules.toml): check, show.")
audit = typer.Typer(no_args_is_help=True, help="The audit log: show, verify.")


@key.command()
def create(
    name: Annotated[str, typer.Argument(help="whose it is and what for")],
    role: Annotated[list[str], typer.Option(help="a role that the rules name; several are possible")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="what it may be used for; read when left out")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="the day or moment it expires; never when left out")
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a key and print it, once."""
    settings = load(home=home)
    expires = moments.parse(until, "--until") if until else None
    scopes = frozenset(scope or [Scope.READ])
    with closing(SQLiteKeys(settings.accounts)) as keys:
        # First the log: a key that nobody wrote down must not exist.
        record(settings, log.Action.KEY, f"key for {name[:100]!r} asked for: roles {', '.join(role)[:300]}")
        made, text = keys.create(name, roles=role, scopes=scopes, expires=expires, now=now())
    record(settings, log.Action.KEY, f"key:{made.id} made for {made.name!r}")
    if as_json:
        typer.echo(_json({**_key(made), "secret": text}))
        return
    typer.echo(text)
    typer.echo(
        "It is told this once; only its digest is kept. Send it as `Authorization: Bearer …`.", err=True
    )
    _warn(settings, role)


def _warn(settings: Settings, roles: list[str]) -> None:
    rules = Rules.load(settings.home)
    named = {name for rule in rules.rules for name in rule.roles}
    if rules.any and (strange := sorted(set(roles) - named - {"admin", "auditor"})):
        typer.secho(
            f"no rule names {', '.join(strange)}; such a key sees what anonymous sees", err=True, fg="yellow"
        )


@rules.command("check")
def check_rules(home: Home = None) -> None:
    """Say whether the rules can be used, and where not, what is wrong with which."""
    settings = load(home=home)
    found = Rules.load(settings.home)
    typer.echo(told(found, settings))
    if found.problem:
        raise typer.Exit(1)


@rules.command("show")
def show_rules(
    role: Annotated[list[str] | None, typer.Option(help="whose rights; anonymous' when left out")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what the rules grant somebody of some roles, in the order of the file."""
    roles = frozenset({ANONYMOUS, *(role or [])})
    policy = Rules.load(load(home=home).home).policy(Principal(id="show", roles=roles))
    if policy.grants is None:
        typer.echo("open: everything" if not as_json else _json({"open": True}))
        return
    for grant in policy.grants:
        said = _grant(grant)
        typer.echo(_json(said) if as_json else "  ".join(f"{k}={v}" for k, v in said.items()))
    if not policy.grants:
        typer.secho("nothing", err=True)


def _grant(grant: Grant) -> dict[str, Any]:
    """A grant in the words of the file, what it does not limit left out."""
    time = grant.time and [moments.text(t) if t else ".." for t in (grant.time.start, grant.time.end)]
    columns = {n: r.access if r.mask is None else {r.access: r.mask} for n, r in grant.columns}
    said = {
        "layers": list(grant.layers),
        "rights": ["read", "write"] if grant.write else ["read"],
        "rows": None if grant.rows is None else as_text(grant.rows),
        "columns": columns or None,
        "area": grant.area and shapely.from_wkb(grant.area.geometry).wkt,
        "area_mode": grant.area and ("clip" if grant.area.clip else "intersect"),
        "time": time,
        "snap": grant.snap,
        "generalise": grant.generalise,
        "scale": grant.scale,
    }
    return {name: value for name, value in said.items() if value is not None}


@key.command("list")
def list_keys(home: Home = None, *, as_json: Json = False) -> None:
    """Every key there ever was, without its secret."""
    with closing(SQLiteKeys(load(home=home).accounts)) as keys:
        found = keys.all()
    if as_json:
        typer.echo(_json([_key(k) for k in found]))
        return
    typer.echo(f"{'id':16}  {'state':20}  {'scopes':18}  {'roles':24}  name")
    for k in found:
        scopes, roles = ",".join(sorted(k.scopes)), ",".join(sorted(k.roles))
        typer.echo(f"{k.id}  {_state(k):20}  {scopes:18}  {roles:24}  {k.name}")


@key.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="as `twin key list` tells it")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """End a key at once; streams that it opened end within five seconds."""
    settings = load(home=home)
    with closing(SQLiteKeys(settings.accounts)) as keys:
        # The other way round than at making: a full disk must not keep a stolen key alive.
        ended = keys.revoke(key_id.removeprefix("key:"), now=now())
    record(settings, log.Action.KEY, f"key:{ended.id} of {ended.name!r} revoked")
    typer.echo(_json(_key(ended)) if as_json else f"{ended.id} ({ended.name}) is revoked")


@audit.command()
def show(
    since: Annotated[str | None, typer.Option(help="a day or moment")] = None,
    principal: Annotated[str | None, typer.Option(help="whose doings, as the log names them")] = None,
    limit: Annotated[int, typer.Option(min=1, help="rows at most")] = 1000,
    after: Annotated[int, typer.Option(min=0, help="rows after this number")] = 0,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Rows of the log, oldest first."""
    start = moments.parse(since, "--since") if since else None
    with closing(_log(load(home=home))) as found:
        rows = found.read(since=start, principal=principal, after=after, limit=limit + 1)
    if as_json:
        typer.echo(_json([row(r) for r in rows[:limit]]))
    else:
        for r in rows[:limit]:
            typer.echo(_line(r))
    if len(rows) > limit:
        typer.echo(f"there are more: --after {rows[limit - 1].n}", err=True)


@audit.command()
def verify(
    head: Annotated[str | None, typer.Option(help="N:DIGEST that was noted elsewhere earlier")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Look at every row of the chain; exit code 1 where it is broken. Prints the head: note it elsewhere."""
    with closing(_log(load(home=home))) as found:
        verdict = found.verify(log.head(head) if head else None)
    if as_json:
        facts = {
            "fine": verdict.fine,
            "rows": verdict.rows,
            "broken": verdict.broken,
            "detail": verdict.detail,
        }
        typer.echo(_json({**facts, "head": str(verdict.head)}))
    else:
        typer.secho(verdict.detail, fg=None if verdict.fine else "red")
        typer.echo(f"head {verdict.head}")
    if not verdict.fine:
        raise typer.Exit(1)


def _log(settings: Settings) -> log.SQLiteLog:
    if not settings.audit.exists():
        raise StoreDown(f"{settings.home} has no audit log; the first command or server there begins it")
    return log.SQLiteLog(settings.audit)


def row(found: log.Row) -> dict[str, Any]:
    """A row of the log for machines."""
    names = (
        "n",
        "principal",
        "address",
        "method",
        "path",
        "layer",
        "status",
        "requests",
        "rows",
        "bytes",
        "note",
    )
    facts = {name: getattr(found, name) for name in names}
    chain = {name: getattr(found, name) for name in ("algorithm", "previous", "digest")}
    return {**facts, "time": moments.text(found.time), "action": found.action.value, **chain}


def _line(r: log.Row) -> str:
    what = " ".join(filter(None, (r.method, r.path, r.layer and f"[{r.layer}]", r.note)))
    times = f" x{r.requests}" if r.requests > 1 else ""
    return (
        f"{r.n:>8}  {moments.text(r.time)}  {r.principal:24}  {r.action:7} {r.status or '':>3}{times}  {what}"
    )


def _key(k: Key) -> dict[str, Any]:
    return {
        "id": k.id,
        "name": k.name,
        "principal": f"key:{k.id}",
        "roles": sorted(k.roles),
        "scopes": sorted(k.scopes),
        "created": moments.text(k.created),
        "expires": moments.text(k.expires) if k.expires else None,
        "revoked": moments.text(k.revoked) if k.revoked else None,
        "stands": k.stands(datetime.now(UTC)),
    }


def _state(k: Key) -> str:
    if k.revoked:
        return f"revoked {k.revoked.date()}"
    if not k.stands(datetime.now(UTC)):
        return "expired"
    return f"until {k.expires.date()}" if k.expires else "stands"


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
