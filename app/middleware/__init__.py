"""Pure ASGI layers around the application, outermost first.

``surroundings`` gives every answer its request id and security headers, and every failure
that a framework put into words the shape of a problem. ``faults`` does so with exceptions.
``representations`` decides on entity tags, 304 and HEAD. ``methods`` answers OPTIONS and
tells a 405 all methods of an address.
"""
