"""What the runner and the operator agree on.

Both programs live in one image, yet they run in different pods and may be of different releases for a
while. Everything one says to the other is in this package: words, reasons, exit codes, digests and the
result. It depends on nothing but the standard library, so that the runner starts fast and the deciding
code of the operator stays pure.
"""
