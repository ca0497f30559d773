"""The county's invented offices, and the themes that their layers stand under."""

from __future__ import annotations


def _office(zh: str, en: str) -> dict[str, str]:
    return {"zh": f"望海县{zh}（虚构）", "en": f"Wanghai {en} (invented)"}


NATURE = _office("自然资源局", "Natural Resources Bureau")
HOUSING = _office("住房和城乡建设局", "Housing and Construction Bureau")
TRANSPORT = _office("交通运输局", "Transport Bureau")
WATER = _office("水务局", "Water Bureau")
EMERGENCY = _office("应急管理局", "Emergency Management Bureau")
CITY = _office("城市运行管理中心", "City Operations Centre")
POLICE = _office("公安局", "Public Security Bureau")
ECOLOGY = _office("生态环境局", "Ecology Bureau")

THEMES = {
    "base": {"zh": "基础地理", "en": "Base map"},
    "buildings": {"zh": "建筑", "en": "Buildings"},
    "pipes": {"zh": "地下管线", "en": "Underground pipes"},
    "transport": {"zh": "道路交通", "en": "Roads"},
    "iot": {"zh": "物联感知", "en": "Sensors"},
    "emergency": {"zh": "应急", "en": "Emergency"},
    "governance": {"zh": "城市治理", "en": "Governance"},
    "planning": {"zh": "规划", "en": "Planning"},
}
