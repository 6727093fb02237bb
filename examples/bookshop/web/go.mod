module switchback.dev/examples/bookshop/web

// The standard library only, so that there is nothing to pin.
go 1.24.0
