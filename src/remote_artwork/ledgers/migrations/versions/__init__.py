"""One file a change of the schema. A released file is never edited."""
