-- The account that was called, by its name in the configuration; NULL for the gateway's own.
ALTER TABLE invocations ADD COLUMN account TEXT;
