"""What the user can mend."""


class UserError(Exception):
    """Something the user can put right: what was found, what was expected, what to do next.

    Of several such things, each is an argument of its own.
    """
