-- The lines still hold everything that the total was made of.
ALTER TABLE orders DROP COLUMN total_cents;
