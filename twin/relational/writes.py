"""Rows into a SQL store: one delivery, one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from twin.errors import FeatureNotFound
from twin.model import OPEN, BBox, Change, Delivery, Layer, Mode, Rejected, Report
from twin.records import merged, news
from twin.records import report as made
from twin.relational import catalogue, expected
from twin.relational import delivery as delivery_
from twin.relational.base import Base, Done
from twin.relational.judging import Commit
from twin.relational.schema import Held, utc
from twin.relational.session import Session
from twin.relational.stage import Stage
from twin.table import Batch


class Writes(Base):
    """The `Writable` Protocol of `twin.store`."""

    def write(
        self,
        layer: Layer,
        batches: Iterable[Batch],
        delivery: Delivery,
        *,
        place: Callable[[BBox], str] | None = None,
    ) -> Report:
        """Take a delivery in one commit; it is staged before it is its turn."""
        with self._session() as session:
            stage = Stage(session)
            for batch in batches:
                stage.add(batch, limit=delivery.rejected_limit)
            with self._turn(session) as done:
                return self._deliver(stage, layer, delivery, place, done)

    def _deliver(
        self,
        stage: Stage,
        layer: Layer,
        delivery: Delivery,
        place: Callable[[BBox], str] | None,
        done: list[Done],
    ) -> Report:
        number, recorded = self._next()
        session = stage.session
        catalogue.first(session, delivery)
        old = self._held.get(layer.id)
        arrived = tuple(catalogue.column(n, c) for n, c in stage.columns.items())
        row = merged(old.layer if old else None, layer, arrived, stage.classes)
        told = news(old.layer if old else None, row)
        held = self._described(session, old, row, list(stage.bodies))
        for name in stage.columns:
            if held.columns[name].type == "string" and stage.columns[name].type != "string":
                stage.widen(name, "string")
        commit = _commit(session, held, delivery, number, recorded)
        expected.check(commit)
        outcome = delivery_.deliver(commit, stage)
        if delivery.mode is Mode.SNAPSHOT:
            catalogue.insert(
                session,
                "snapshots",
                {
                    "layer": layer.id,
                    "source": delivery.source,
                    "branch": delivery.branch,
                    "moment": commit.at,
                },
            )
        report = made(
            held.layer,
            delivery,
            number,
            recorded,
            read=stage.rows + stage.refused,
            quarantined=stage.refused + outcome.refused,
            extent=outcome.extent,
            place=place(outcome.extent) if place and outcome.extent else "",
            notes=tuple(dict.fromkeys((*delivery.notes, *stage.notes))),
            **{k: v for k, v in outcome.counts.items() if k not in ("taken", "untimely")},
        )
        rejected = (stage.rejected + outcome.rejected)[: delivery.rejected_limit]
        if old is None:
            catalogue.indexed(session, held)
        held = replace(held, loose=held.loose + (outcome.written if old else 0))
        if delivery.once and not report.quarantined:
            catalogue.insert(session, "kept", dict(zip(("name", "value"), delivery.once, strict=True)))
        done.append(_recorded(session, held, report, rejected, outcome, delivery, told=told))
        return report

    def remove(self, layer: str, ids: Sequence[str], delivery: Delivery) -> Report:
        """End rows at the delivery's moment. Raises LayerNotFound, FeatureNotFound."""
        with self._session() as session, self._turn(session) as done:
            held = self._layer(layer)
            number, recorded = self._next()
            commit = _commit(session, held, delivery, number, recorded)
            expected.check(commit)
            outcome = delivery_.end(commit, ids)
            if not outcome.touched:
                raise FeatureNotFound(
                    f"{layer}: none of {', '.join(list(ids)[:10])} is there at {commit.at.isoformat()}"
                )
            gone = outcome.touched
            report = made(held.layer, delivery, number, recorded, read=gone, removed=gone)
            held = replace(held, loose=held.loose + outcome.written)
            done.append(_recorded(session, held, report, [], outcome, delivery, told=()))
            return report

    def describe(self, layer: Layer) -> int:
        """Create a layer without rows or change its catalogue row."""
        with self._session() as session, self._turn(session) as done:
            number, recorded = self._next()
            old = self._held.get(layer.id)
            row = merged(old.layer if old else None, layer)
            held = self._described(session, old, row, [])
            if old is None:
                catalogue.indexed(session, held)
            held = replace(held, version=number, updated=recorded)
            change = Change(
                version=number,
                at=recorded,
                layer=layer.id,
                kind="layer",
                ids=(),
                count=0,
                bbox=None,
                news=news(old.layer if old else None, row),
            )
            catalogue.saved(session, held, number)
            catalogue.numbered(session, number, recorded, change)
            done.append(Done(number=number, at=recorded, held=held, change=change))
            return number

    def _described(self, session: Session, old: Held | None, layer: Layer, bodies: list[str]) -> Held:
        number = max((h.number for h in self._held.values()), default=0) + 1
        return catalogue.described(session, old or catalogue.created(session, layer, number), layer, bodies)


def _commit(session: Session, held: Held, delivery: Delivery, number: int, recorded: datetime) -> Commit:
    at = (delivery.at or recorded).astimezone(UTC)
    ((later,),) = session.rows(
        "SELECT min(moment) FROM snapshots WHERE layer = $1 AND source = $2 AND branch = $3 AND moment > $4",
        [held.layer.id, delivery.source, delivery.branch, at],
    )
    return Commit(
        session=session,
        held=held,
        delivery=delivery,
        number=number,
        recorded=recorded,
        at=at,
        until=utc(later) if later else OPEN,
    )


def _recorded(
    session: Session,
    held: Held,
    report: Report,
    rejected: list[Rejected],
    outcome: delivery_.Outcome,
    delivery: Delivery,
    *,
    told: tuple[str, ...],
) -> Done:
    change = Change(
        version=report.commit,
        at=report.at,
        layer=held.layer.id,
        kind="layer" if told else "rows",
        ids=outcome.ids,
        count=outcome.touched,
        bbox=outcome.box,
        branch=delivery.branch,
        news=told,
    )
    entry = change if told or outcome.touched else None
    held = replace(held, version=report.commit if entry else held.version, updated=report.at)
    catalogue.saved(session, held, report.commit)
    catalogue.reported(session, report, rejected)
    catalogue.numbered(session, report.commit, report.at, entry)
    return Done(number=report.commit, at=report.at, held=held, change=entry)
