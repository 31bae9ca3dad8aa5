-- Values of custom headers are sealed: `header_names` holds names alone, as a JSON array, and `sealed_headers` names with
-- values, bound to the endpoint's version. In the same transaction the node seals what `header_names` of endpoints still
-- holds as an array of [name, value] (postgres::schema). What versions had is not kept: nobody could see more than the names.
-- The columns have another name so that a node of an older version cannot write values in clear, or take names for them.

ALTER TABLE endpoints RENAME COLUMN headers TO header_names;
ALTER TABLE endpoints ADD COLUMN sealed_headers BYTEA;      -- store::headers; NULL without headers
UPDATE endpoints SET header_names = '[]' WHERE deleted_at IS NOT NULL AND header_names <> '[]';

ALTER TABLE endpoint_versions RENAME COLUMN headers TO header_names;
UPDATE endpoint_versions SET header_names = (
    SELECT coalesce(json_agg(pair ->> 0 ORDER BY place), '[]')::text
    FROM json_array_elements(header_names::json) WITH ORDINALITY AS pairs (pair, place))
WHERE header_names <> '[]';
