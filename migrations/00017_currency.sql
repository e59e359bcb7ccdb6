-- +goose Up

-- The currency of an item's price. It is that of the installation when the price was set:
-- when the installation changes its currency, earlier prices keep theirs. Everything before
-- was priced in pounds.
ALTER TABLE content ADD COLUMN currency varchar(3) NOT NULL DEFAULT 'gbp' CHECK (currency ~ '^[a-z]{3}$');
