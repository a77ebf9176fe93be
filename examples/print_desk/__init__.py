"""A print desk: a small web host of ``remote_artwork``, with FastAPI and SQLAlchemy."""
