module switchback.dev/tests/cluster/cloudnative-pg

go 1.24.1

// No tool is built of it: tests install the CustomResourceDefinitions that it brings.
require github.com/cloudnative-pg/cloudnative-pg v1.27.0
