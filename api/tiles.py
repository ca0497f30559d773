"""Tile doors."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/tiles", tags=["tiles"])
