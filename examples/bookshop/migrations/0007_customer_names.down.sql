-- Nothing is lost: the name is put together again as it was.
UPDATE customers SET first_name = first_name || ' ' || last_name WHERE last_name IS NOT NULL;

ALTER TABLE customers DROP COLUMN last_name;
ALTER TABLE customers RENAME CONSTRAINT customers_first_name_check TO customers_name_check;
ALTER TABLE customers RENAME COLUMN first_name TO name;
