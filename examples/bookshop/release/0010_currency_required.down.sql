-- What was filled in stays: whoever reads the table without it does not notice.
ALTER TABLE books ALTER COLUMN currency DROP NOT NULL;
