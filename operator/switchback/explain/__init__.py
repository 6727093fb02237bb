"""`switchback explain`: what the operator would do with a manifest, worked out without changing anything.

From the text outward: `document` reads it with line numbers, `schema` and `rules` judge it as the API server
would, `cluster` asks what is there, `script` plays the operator's own decisions against a runner that only
pretends, and `draw` tells the story.
"""
