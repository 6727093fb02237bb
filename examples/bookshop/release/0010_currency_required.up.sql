-- switchback: phase=contract
-- From here on, a program that adds a book without a currency fails. So it waits until none of them runs.
UPDATE books SET currency = 'EUR' WHERE currency IS NULL;
ALTER TABLE books ALTER COLUMN currency SET NOT NULL;
