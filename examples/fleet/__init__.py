"""A platform with many merchants: scanned by Celery or Dask, with PostgreSQL and Redis."""
