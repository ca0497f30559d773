"""Features of any kind: what no other kind fits, drawn as what it is."""

from __future__ import annotations

from layers.kind import Kind, Legend
from twin.model import Column, Titles

KIND = Kind(
    name="features",
    title=Titles(zh="要素", en="Features"),
    theme="other",
    order=90,
    columns=(Column(name="name", title=Titles(zh="名称", en="Name")),),
    synonyms={
        "name": ("名称", "NAME", "TITLE", "标题"),
        "valid_from": ("生效日期", "VALID_FROM"),
        "valid_to": ("失效日期", "VALID_TO"),
    },
    legend=(Legend(value=None, label=Titles(zh="要素", en="Feature"), color="#5B666E", symbol="circle"),),
)
