-- +goose Up

-- What the client declared: sha256: or crc32c: and the sum in base64.
ALTER TABLE media_items ADD COLUMN checksum varchar(60);

ALTER TABLE media_uploads
    -- The value of the header Upload-Metadata of a tus upload.
    ADD COLUMN metadata varchar(4096),
    -- Who writes through the edge, and until when others must wait. One writer at a time.
    ADD COLUMN writer uuid,
    ADD COLUMN writer_until timestamptz;
