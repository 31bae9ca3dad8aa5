from typing import Literal

EndpointStatsStep = Literal[600, 3600, 21600, 86400]

ENDPOINT_STATS_STEP_VALUES: set[EndpointStatsStep] = {
    600,
    3600,
    21600,
    86400,
}


def check_endpoint_stats_step(value: int) -> EndpointStatsStep:
    if value in ENDPOINT_STATS_STEP_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {ENDPOINT_STATS_STEP_VALUES!r}"
    )
