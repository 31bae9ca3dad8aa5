from typing import Literal

OrganizationStatsStep = Literal[600, 3600, 21600, 86400]

ORGANIZATION_STATS_STEP_VALUES: set[OrganizationStatsStep] = {
    600,
    3600,
    21600,
    86400,
}


def check_organization_stats_step(value: int) -> OrganizationStatsStep:
    if value in ORGANIZATION_STATS_STEP_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {ORGANIZATION_STATS_STEP_VALUES!r}"
    )
