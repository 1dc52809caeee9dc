"""What works on the checkout: the launchers and the makers of pictures. It is not installed.

The launchers import the standard library alone, because they run before anything is installed.
"""
