from tasks.report.scale_bars import scale_bars


def row(level, orientation, channel=None, **others):
    return {"level": level, "orientation": orientation, "channel": channel} | others


def test_bands_are_bars_and_levels_and_channels_are_not():
    rows = [row(2, None, order=None), row(2, "LL", order=None), row(1, "HH", order=None), row(1, "HH", 0, order=None)]
    assert [name for name, _ in scale_bars(rows)] == ["LL2", "HH1"]


def test_runs_of_earlier_versions_have_no_orders():
    assert scale_bars([row(2, None), row(2, "LL"), row(2, "LL", 1)]) == [("LL2", row(2, "LL"))]


def test_order_2_of_scattering_is_shown_by_level():
    orders = [row(None, None, order=1), row(None, None, order=2)]
    levels = [row(3, None, order=1), row(3, None, order=2)]
    bands = [row(3, "LL", order=0), row(3, "45°", order=1), row(3, "45° at 1 > 90°", order=2)]
    bars = scale_bars([*orders, *levels, *bands])
    assert [name for name, _ in bars] == ["S2 at 3", "LL3", "45° at 3"]
