"""Pure ASGI layers around the application, outermost first.

``surroundings`` gives every answer its request id, security headers and, where something
failed on the way, the shape of a problem. ``representations`` decides on entity tags, 304
and HEAD. ``methods`` answers OPTIONS and tells a 405 all methods of an address.
"""
