"""A model that no longer does what it did: its success around each alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from selector.report.counted._facts import Day, DriftAlarm, Measured
from selector.report.figures._colours import Look
from selector.report.figures._days import calendar, dates, rules
from selector.report.figures._page import MARGIN, SMALL, TEXT, Page, Pen, clip, page, wide
from selector.report.figures._scale import Scale, interval, percent, scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["drift_rows", "drift_timeline"]

_HEIGHT = 120.0
_FEW = 10  # judged decisions before or since an alarm below which their mean is pale
_PALE = 5  # judged decisions of a day below which its mark is pale


def drift_timeline(
    drift: Sequence[DriftAlarm],
    days: Sequence[Day],
    look: Look | None = None,
    *,
    by_day: Mapping[str, Sequence[tuple[date, Measured]]] | None = None,
    most: int = 6,
    title: str = "Models that changed",
) -> Figure:
    """Draw each model's success around the alarms that rang for it: what was believed, what came, what came since.

    A band is the 95 % interval of a mean: left of an alarm that of the outcomes that raised it, right of it that of
    all since. Dashed: what had been believed of those outcomes.

    Parameters
    ----------
    drift
        `Facts.drift`.
    days
        `Facts.days`: the period, and the success of all models as a thin line.
    look
        Theme, width and families.
    by_day
        The success of each model per day, where it is at hand: a mark with its interval each; `drift_rows` has them
        as a table.
    most
        Models drawn, those of the latest alarms; how many are left out is said.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, a panel per model.

    Examples
    --------
    >>> from datetime import UTC
    >>> seen = Measured(0.5, 0.3, 0.7, 30)
    >>> days = [Day(date(2026, 3, d), 9, 9, 1.0, 2.0, 0.1, seen, 0.1, 0.1, (9,)) for d in (1, 2, 3)]
    >>> alarm = DriftAlarm(datetime(2026, 3, 2, tzinfo=UTC), 9, "gpt-5.5", 0.2, "worse", seen, 0.8, seen, ())
    >>> [text.get_text() for text in drift_timeline([alarm], days).axes[0].texts if "gpt" in text.get_text()]
    ['gpt-5.5']
    """
    look = (look or Look()).with_models(dict.fromkeys(a.model for a in drift))
    with page(look, title) as sheet:
        if not drift or not days:
            sheet.words("No alarm rang: no model was seen to change.")
            return sheet.figure
        sheet.words(
            "Success around each alarm (upright line). Bands: means with their 95 % intervals, of the outcomes that "
            "raised it and of all since. Dashed: what had been believed. Thin line: all models, day by day."
        )
        alarms: dict[str, list[DriftAlarm]] = {}
        for alarm in sorted(drift, key=lambda a: a.at):
            alarms.setdefault(alarm.model, []).append(alarm)
        order = sorted(alarms, key=lambda model: (alarms[model][-1].at, model), reverse=True)
        period = [*(d.day for d in days), *(a.at.date() for a in drift)]
        x = calendar(sheet, period)
        for model in order[:most]:
            _panel(sheet, alarms[model], days, x, (by_day or {}).get(model, ()))
        dates(sheet, x, period)
        if len(order) > most:
            sheet.words(f"And {len(order) - most} more models with alarms, earlier ones.", size=SMALL)
    return sheet.figure


def drift_rows(
    drift: Sequence[DriftAlarm], *, by_day: Mapping[str, Sequence[tuple[date, Measured]]] | None = None
) -> list[dict[str, str | int | float | date | datetime]]:
    """Return what `drift_timeline` draws as the rows of a table, for those who cannot see it.

    Parameters
    ----------
    drift
        `Facts.drift`.
    by_day
        The success of each model per day, as given to the picture; of models without an alarm nothing is drawn.

    Returns
    -------
    list
        A row per mean, in order of model and time: model, what (``before the alarm``, ``since the alarm``, ``on the
        day``), at, success, low, high, judged, and believed: nan but before an alarm.

    Examples
    --------
    >>> from datetime import UTC
    >>> seen = Measured(0.5, 0.3, 0.7, 30)
    >>> alarm = DriftAlarm(datetime(2026, 3, 2, tzinfo=UTC), 9, "gpt-5.5", 0.2, "worse", seen, 0.8, seen, ())
    >>> rows = drift_rows([alarm], by_day={"gpt-5.5": [(date(2026, 3, 3), seen)]})
    >>> [(row["what"], row["success"], row["judged"]) for row in rows]
    [('before the alarm', 0.5, 30), ('since the alarm', 0.5, 30), ('on the day', 0.5, 30)]
    """
    found: list[tuple[str, date, int, str, date, Measured, float]] = []
    for alarm in drift:
        found.append((alarm.model, alarm.at.date(), 0, "before the alarm", alarm.at, alarm.recent, alarm.believed))
        found.append((alarm.model, alarm.at.date(), 1, "since the alarm", alarm.at, alarm.since, math.nan))
    for model in {alarm.model for alarm in drift}:
        found += [(model, day, 2, "on the day", day, m, math.nan) for day, m in (by_day or {}).get(model, ())]
    found.sort(key=lambda row: row[:3])
    return [
        {"model": model, "what": what, "at": at, **_measured(m), "believed": believed}
        for model, _, _, what, at, m, believed in found
    ]


def _measured(m: Measured) -> dict[str, int | float]:
    return {"success": m.value, "low": m.low, "high": m.high, "judged": m.n}


def _panel(
    sheet: Page, alarms: Sequence[DriftAlarm], days: Sequence[Day], x: Scale, seen: Sequence[tuple[date, Measured]]
) -> None:
    """Draw one model: its days, and before and after each alarm."""
    model = alarms[0].model
    sheet.dot(MARGIN + 5, sheet.y + 12 + 0.65 * TEXT, Pen(model, mark=sheet.look.mark(model), size=8.0))
    name = clip(model, 0.5 * sheet.width, bold=True)
    sheet.text(MARGIN + 16, sheet.y + 12 + TEXT, name, Pen(), bold=True)
    told = _told(alarms[-1])
    if wide("; ".join(told), SMALL) <= sheet.width - 2 * MARGIN - 28 - wide(name, bold=True):
        line = "; ".join(told)
        sheet.text(sheet.width - MARGIN, sheet.y + 12 + TEXT, line, Pen("muted"), size=SMALL, side="right")
    else:
        for line in told:
            sheet.y += 16
            sheet.text(MARGIN, sheet.y + 12 + TEXT, line, Pen("muted"), size=SMALL)
    top = sheet.y + 32 + TEXT
    bands = [m for a in alarms for m in (a.recent, a.since)]
    values = [v for m in (*bands, *(m for _, m in seen)) for v in m[:3]]
    shown = [*values, *(a.believed for a in alarms), *(d.success.value for d in days)]
    y = scale(shown, top + _HEIGHT, top)
    y = y._replace(low=max(y.low, 0.0), high=min(y.high, 1.0))
    rules(sheet, x, y, percent, 3)
    sheet.line(x([d.day.toordinal() for d in days]), y([d.success.value for d in days]), Pen("faint", alpha=0.7))
    for day, m in seen:
        _day(sheet, model, day, m, x, y)
    for i, alarm in enumerate(alarms):
        before = _at(alarms[i - 1].at) if i else x.low
        after = _at(alarms[i + 1].at) if i + 1 < len(alarms) else x.high
        _alarm(sheet, alarm, (before, after), x, y)
    _when(sheet, alarms, x, top - 8)
    sheet.y = top + _HEIGHT


def _told(alarm: DriftAlarm) -> tuple[str, str]:
    way = {"worse": "worse than believed", "better": "better than believed"}.get(alarm.direction, "changed")
    if math.isfinite(alarm.believed) and math.isfinite(alarm.recent.value):
        way += f": {percent(alarm.recent.value)}, not {percent(alarm.believed)}"
    return way, f"earlier outcomes count {percent(alarm.keep)}"


def _at(moment: datetime) -> float:
    """Return a moment as a number of days, noon a whole one: a day's mark stands at its middle."""
    return moment.toordinal() + (moment.hour + moment.minute / 60) / 24 - 0.5


def _day(sheet: Page, model: str, day: date, m: Measured, x: Scale, y: Scale) -> None:
    if not math.isfinite(m.value):
        return
    title = f"{model} on {day}: {interval(*m[:3])}, of {m.n} judged"
    pen = Pen(model, alpha=1.0 if m.n >= _PALE else 0.4, width=1.3, title=title, mark=sheet.look.mark(model), size=7.0)
    at = float(x(day.toordinal()))
    if math.isfinite(m.low):
        sheet.line([at, at], y([m.low, m.high]), pen)
    sheet.dot(at, float(y(m.value)), pen)


def _alarm(sheet: Page, alarm: DriftAlarm, span: tuple[float, float], x: Scale, y: Scale) -> None:
    """Draw an alarm: its line, the mean before it, the mean since, and what had been believed."""
    at = _at(alarm.at)
    before = max(span[0], at - 0.18 * (x.high - x.low))
    pixel = float(x(at))
    sides = (("before", alarm.recent, (before, at)), ("since", alarm.since, (at, span[1])))
    for when, m, ends in sides:
        if math.isfinite(m.value):
            title = f"{alarm.model}, {when} the alarm of {alarm.at:%Y-%m-%d}: {interval(*m[:3])}, of {m.n} judged"
            pale = 1.0 if m.n >= _FEW else 0.5
            pen = Pen(alarm.model, alpha=pale, title=title, width=2.0)
            if math.isfinite(m.low):
                sheet.area(x(ends), float(y(m.low)), float(y(m.high)), pen._replace(alpha=0.22 * pale))
            sheet.line(x(ends), y([m.value, m.value]), pen)
    if math.isfinite(alarm.believed):
        level = y([alarm.believed, alarm.believed])
        title = f"{alarm.model}: {percent(alarm.believed)} had been believed"
        sheet.line(x([before, at]), level, Pen("ink", width=1.6, dash=(4, 2), title=title))
    title = f"alarm for {alarm.model}, {alarm.at:%Y-%m-%d %H:%M} UTC, after {alarm.n:,} decisions"
    sheet.line([pixel, pixel], [y.end - 4, y.start], Pen("alarm", width=1.6, title=title))


def _when(sheet: Page, alarms: Sequence[DriftAlarm], x: Scale, base: float) -> None:
    """Write the day of each alarm above its line, those left out that would touch the one before."""
    free = 0.0
    for alarm in alarms:
        word, at = f"alarm {alarm.at.day} {alarm.at:%b}", float(x(_at(alarm.at)))
        left = min(max(at - wide(word, SMALL) / 2, MARGIN), x.end - wide(word, SMALL))
        if left > free:
            sheet.text(left, base, word, Pen("alarm"), size=SMALL)
            free = left + wide(word, SMALL) + 6
