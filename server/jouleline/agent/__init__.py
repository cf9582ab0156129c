"""What runs beside a program on another machine: the same runners, meters and sandbox as here.

It is packed into one file (:mod:`jouleline.remote.bundle`), so it and all that it imports is written for
Python 3.9 with nothing but its standard library.
"""
