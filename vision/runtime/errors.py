"""Errors that the user can fix."""


class UserError(Exception):
    """Something the user can fix: what was found, what was expected, what to do next.

    Of several such things, each is an argument of its own.
    """
