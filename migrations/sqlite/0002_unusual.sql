-- What is out of the ordinary, for lists by state. `IN (…)` in the condition of an index builds a table in every
-- statement that writes a delivery, which cost more than the write; a pair of comparisons does not.
DROP INDEX deliveries_unusual;
CREATE INDEX deliveries_unusual ON deliveries (endpoint_id, state, event_id) WHERE state <> 1 AND state <> 2;
