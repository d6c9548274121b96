import pytest

from threadline.server.schedules import check_schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "0 3 * * *",
        "*/15 0-6,22 1,15 jan-mar mon-fri",
        "59 23 31 12 7",
        "5-20/5 * * * SUN",
        "0 0 * FEB *",
        " 0  3 * * * ",
    ],
)
def test_schedules(schedule: str) -> None:
    assert check_schedule(schedule) == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "", "never", "0 3 * *", "0 3 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
        "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*-5 * * * *", "* * * foo *", "mon * * * *", "1,, * * * *",
        "-1 * * * *", "٣ * * * *", "0 3 * * *; rm",
    ],
)  # fmt: skip
def test_what_is_none(schedule: str) -> None:
    with pytest.raises(ValueError, match="is not a valid cron expression"):
        check_schedule(schedule)
