-- Values of custom headers are sealed: `header_names` holds names alone, as a JSON array, and `sealed_headers` names with
-- values, bound to the endpoint's version. In the same transaction the server seals what `header_names` of endpoints still
-- holds as an array of [name, value] (sqlite::schema). What versions had is not kept: nobody could see more than the names.

ALTER TABLE endpoints RENAME COLUMN headers TO header_names;
ALTER TABLE endpoints ADD COLUMN sealed_headers BLOB;      -- store::headers; NULL without headers
UPDATE endpoints SET header_names = '[]' WHERE deleted_at IS NOT NULL AND header_names <> '[]';

ALTER TABLE endpoint_versions RENAME COLUMN headers TO header_names;
UPDATE endpoint_versions SET header_names = (
    SELECT json_group_array(json_extract(value, '$[0]')) FROM (SELECT value FROM json_each(header_names) ORDER BY key))
WHERE header_names <> '[]';
