"""An async web service that scans the storages of many merchants; see README.md."""
