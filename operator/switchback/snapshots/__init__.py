"""Restore points: how they are taken, sealed, verified and restored.

Two halves that never import each other. `provider`, `registry` and `pgdump` describe the pod of a snapshot
Job; the operator reads them. The other modules run in that pod and on laptops; they are what
`switchback snapshot` and `switchback restore` call. `layout` names the places that both know.
"""
