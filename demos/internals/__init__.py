"""Thirteen lessons on what happens inside: each a short program that prints itself as a chapter.

    python -m demos.internals        lists them
    python -m demos.internals 3      runs the third

What a lesson prints stands in its source, in comments that begin with an arrow; --bare prints that
alone.
"""
