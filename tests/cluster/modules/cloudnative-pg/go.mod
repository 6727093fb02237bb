module switchback.dev/tests/cluster/cloudnative-pg

go 1.24.1

require github.com/cloudnative-pg/cloudnative-pg v1.27.0
