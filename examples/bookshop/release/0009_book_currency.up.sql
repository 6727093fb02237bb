-- What a price is in. Expand: nothing is taken away, so the program of today does not notice.
ALTER TABLE books ADD COLUMN currency text;
