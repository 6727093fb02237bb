-- In reverse order: books refer to authors.
DROP TABLE books;
DROP TABLE authors;
