-- Counts over time, by buckets of ten minutes: what the charts are drawn from.

CREATE TABLE stats (
    subject BIGINT NOT NULL,                                -- an endpoint's id, minus an organization's, 0 for everything
    bucket BIGINT NOT NULL,                                 -- tens of minutes since 1970
    measure BIGINT NOT NULL CHECK (measure BETWEEN 0 AND 255), -- tidings_core::stats::Measure
    count BIGINT NOT NULL,
    PRIMARY KEY (subject, bucket, measure)
);
