"""Lets agents write with a language model, where one is configured; they compute the same without one.

What is computed is the base: the model words it, and every sentence is checked against evidence it was
given before anybody sees it. It has no tools, and nothing it says is a number, a status or a confidence.
"""
