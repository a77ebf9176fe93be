"""A print desk: a small web application that embeds ``remote_artwork``, with FastAPI and SQLAlchemy."""
