-- What an erasure takes out of an entry has a digest of its own, which stays, with a salt that goes. Older entries have
-- neither: their digest is of everything at once.

ALTER TABLE audit ADD COLUMN erasable BLOB;                -- store::audit::Form::Parted
ALTER TABLE audit ADD COLUMN salt BLOB;
