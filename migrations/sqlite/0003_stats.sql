-- Counts over time, by buckets of ten minutes: what the charts are drawn from.

CREATE TABLE stats (
    subject INTEGER NOT NULL,                                -- an endpoint's id, minus an organization's, 0 for everything
    bucket INTEGER NOT NULL,                                 -- tens of minutes since 1970
    measure INTEGER NOT NULL CHECK (measure BETWEEN 0 AND 255), -- tidings_core::stats::Measure
    count INTEGER NOT NULL,
    PRIMARY KEY (subject, bucket, measure)
) STRICT, WITHOUT ROWID;
