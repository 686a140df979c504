"""Joints: where things meet: plugins and their registry, pictures, holes, metrics, claims on runs."""
